"""The steps of the workflow, one function a sub-command: files in, files out."""
