"""What a user runs beside training: `jaxcls NAME`, or `python -m jaxcls.tools.NAME`."""
