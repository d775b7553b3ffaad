"""Writes the XML of a report:

<report title="..." kind="..." made="...">
  <chapter name="January" sales="..." units="..." amount="...">
    <sale day="2025-01-31" region="..." product="..." units="..." amount="..."/>
"""

import time
from xml.etree import ElementTree


def document(report):
    return ElementTree.Element("report", title=report.title, kind=report.kind, made=time.strftime("%Y-%m-%d %H:%M"))


def add_chapter(document, name, totals, largest):
    sales, units, amount = totals
    chapter = ElementTree.SubElement(
        document, "chapter", name=str(name), sales=str(sales), units=str(units), amount=str(amount)
    )
    for day, region, product, units, amount in largest:
        ElementTree.SubElement(
            chapter, "sale", day=str(day), region=region, product=product, units=str(units), amount=str(amount)
        )


def xml(document):
    """The bytes of it. Characters that XML cannot have, the form has refused."""
    return ElementTree.tostring(document, encoding="utf-8", xml_declaration=True)
