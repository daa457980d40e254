"""The formats that can be read. A new one is a module beside these and a name in this list.

The order is that of asking: containers come first, because what they hold uncompressed may look
like anything, and plain text last, because it takes whatever is text.
"""

from knowledge.ingestion.formats import (
    delimited,
    docx,
    eml,
    html,
    markdown,
    pdf,
    plain,
    pptx,
    sheets,
)

FORMATS = (
    docx.FORMAT,
    pptx.FORMAT,
    *sheets.FORMATS,
    pdf.FORMAT,
    eml.FORMAT,
    html.FORMAT,
    markdown.FORMAT,
    delimited.FORMAT,
    plain.FORMAT,
)
