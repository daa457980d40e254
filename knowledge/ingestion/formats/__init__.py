"""The formats that can be read. A new one is a module beside these and a name in this list.

The order is that of asking: plain text comes last, because it takes whatever is text.
"""

from knowledge.ingestion.formats import eml, html, markdown, pdf, plain

FORMATS = (pdf.FORMAT, eml.FORMAT, html.FORMAT, markdown.FORMAT, plain.FORMAT)
