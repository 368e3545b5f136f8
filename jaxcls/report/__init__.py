"""A run, or several side by side, as one HTML file that opens anywhere."""

from jaxcls.report.write import write_report

__all__ = ["write_report"]
