"""The formats that can be read. A new one is a module beside these and a name in this list.

The order is that of asking: plain text comes last, because it takes whatever is text.
"""

from knowledge.ingestion.formats import html, markdown, pdf, plain

FORMATS = (pdf.FORMAT, html.FORMAT, markdown.FORMAT, plain.FORMAT)
