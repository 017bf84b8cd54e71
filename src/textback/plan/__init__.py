"""What a study needs before it runs: jobs, downloads, disk, memory, hours, queries and dollars.

textback plan config/embedders.yaml
"""
