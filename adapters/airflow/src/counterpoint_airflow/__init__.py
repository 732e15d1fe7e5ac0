"""The Airflow adapter of Counterpoint."""
