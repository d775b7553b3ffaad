"""Reads the XML of a report (see content.py), and makes a PDF of it."""

import io
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from reportlab.graphics.shapes import Drawing, Rect, String
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import CondPageBreak, Paragraph, SimpleDocTemplate, Table

INK, PAPER, LINE = colors.HexColor("#1f4e79"), colors.HexColor("#eef3f8"), colors.HexColor("#9db4c8")


def fonts():
    """DejaVu knows the letters of most titles; the fonts that every PDF reader has do not."""
    directory = Path("/usr/share/fonts/truetype/dejavu")
    names = {"DejaVuSans": "Helvetica", "DejaVuSans-Bold": "Helvetica-Bold"}
    if not all((directory / f"{name}.ttf").exists() for name in names):
        return list(names.values())
    for name in names:
        pdfmetrics.registerFont(TTFont(name, str(directory / f"{name}.ttf")))
    return list(names)


PLAIN, BOLD = fonts()
TITLE = ParagraphStyle("title", fontName=BOLD, fontSize=22, leading=28, textColor=INK, spaceAfter=3 * mm)
HEADING = ParagraphStyle("heading", fontName=BOLD, fontSize=14, leading=18, textColor=INK, spaceBefore=8 * mm)
TEXT = ParagraphStyle("text", fontName=PLAIN, fontSize=9, leading=13, spaceAfter=3 * mm)


def pdf(xml, tell):
    """The bytes of the PDF. Calls tell(number, name) before each chapter is set."""
    document = ElementTree.fromstring(xml)
    chapters = document.findall("chapter")
    total = sum(Decimal(c.get("amount")) for c in chapters)
    story = [
        Paragraph(escape(document.get("title")), TITLE),
        Paragraph(f"Sales by {document.get('kind')}, {total:,.2f} in all. Made {document.get('made')}.", TEXT),
        chart(chapters),
    ]
    for n, chapter in enumerate(chapters):
        tell(n, chapter.get("name"))
        story += flow(chapter)
    out = io.BytesIO()
    margins = dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), 20 * mm)
    template = SimpleDocTemplate(out, pagesize=A4, title=document.get("title"), author="gospread example", **margins)
    template.build(story, onFirstPage=footer, onLaterPages=footer)
    return out.getvalue()


def flow(chapter):
    sales = [[s.get(k) for k in ("day", "region", "product", "units", "amount")] for s in chapter.findall("sale")]
    for sale in sales:
        sale[4] = f"{Decimal(sale[4]):,.2f}"
    widths = [30 * mm, 40 * mm, 45 * mm, 20 * mm, 35 * mm]
    table = Table([["Day", "Region", "Product", "Units", "Amount"], *sales], colWidths=widths, repeatRows=1)
    table.setStyle([
        ("FONT", (0, 0), (-1, -1), PLAIN, 8.5),
        ("FONT", (0, 0), (-1, 0), BOLD, 8.5),
        ("TEXTCOLOR", (0, 0), (-1, 0), INK),
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, INK),
        ("ROWBACKGROUNDS", (0, 1), (-1, -1), [colors.white, PAPER]),
        ("ALIGN", (3, 0), (-1, -1), "RIGHT"),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ])  # fmt: skip
    count, units, amount = (Decimal(chapter.get(k)) for k in ("sales", "units", "amount"))
    about = f"{count:,} sales, {units:,} units, {amount:,.2f} in all; the largest:"
    return [CondPageBreak(50 * mm), Paragraph(escape(chapter.get("name")), HEADING), Paragraph(about, TEXT), table]


def chart(chapters):
    """A bar for each chapter."""
    amounts = [float(c.get("amount")) for c in chapters]
    width, height = 170 * mm, 60 * mm
    drawing = Drawing(width, height)
    place = width / max(1, len(amounts))
    for n, (amount, chapter) in enumerate(zip(amounts, chapters)):
        bar = (height - 13 * mm) * amount / max(amounts)
        middle = (n + 0.5) * place
        drawing.add(Rect(middle - 0.35 * place, 6 * mm, 0.7 * place, bar, fillColor=INK, strokeColor=None))
        label = {"fontName": PLAIN, "fontSize": 7, "textAnchor": "middle"}
        drawing.add(String(middle, 7 * mm + bar, f"{amount / 1000:,.0f} k", fillColor=INK, **label))
        drawing.add(String(middle, 2 * mm, chapter.get("name")[:9], **label))
    return drawing


def footer(canvas, template):
    canvas.saveState()
    canvas.setFont(PLAIN, 8)
    canvas.setFillColor(LINE)
    canvas.drawRightString(190 * mm, 12 * mm, f"{template.page}")
    canvas.restoreState()
