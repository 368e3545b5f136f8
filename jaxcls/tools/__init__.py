"""What a user runs beside training: `python -m jaxcls.tools.NAME`."""
