"""The formats that can be read. A new one is a module beside these and a name in this list.

The order is that of asking: plain text comes last, because it takes whatever is text.
Containers come first: what they hold uncompressed may look like anything.
"""

from knowledge.ingestion.formats import docx, markdown, pdf, plain, pptx

FORMATS = (docx.FORMAT, pptx.FORMAT, pdf.FORMAT, markdown.FORMAT, plain.FORMAT)
