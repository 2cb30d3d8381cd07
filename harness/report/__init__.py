"""What is left for the morning: pictures, tables, summary, results for trends, the HTML report."""
