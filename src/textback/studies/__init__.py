"""What a person asks of a study: how far it is, what its cells wrote, its figures once more.

    textback status                       what is finished, and which cells are missing
    textback table --partial              the tables of what there is
    textback show len8 pca64              a cell's worst, median and best texts by round
    textback figures --study FOLDER       the figures of a folder of tables

From files alone, without torch.
"""
