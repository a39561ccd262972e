# SPDX-License-Identifier: MIT
"""The rows of pv_calls as a picture: SVG, written by hand, as there is nothing to it but bars."""

ROW, LEFT, RIGHT, TOP = 18, 330, 620, 46
OURS, XEN, LIMIT, TEXT = "#2a6f97", "#c9c9c9", "#c1121f", "#222222"


def picture(rows):
    """Of each row (name, ours, Xen's, budget) two bars, in relation to Xen's, and a mark at the budget."""
    height = TOP + ROW * len(rows) + 10
    width = LEFT + RIGHT + 120
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
             f'font-size="11" fill="{TEXT}">',
             f'<rect width="{width}" height="{height}" fill="white"/>',
             '<text x="10" y="18" font-size="14">Instructions an operation, in relation to Xen 4.17</text>',
             f'<rect x="10" y="26" width="12" height="10" fill="{OURS}"/><text x="26" y="35">Paravane</text>',
             f'<rect x="96" y="26" width="12" height="10" fill="{XEN}"/><text x="112" y="35">Xen</text>',
             f'<rect x="150" y="26" width="2" height="10" fill="{LIMIT}"/><text x="158" y="35">budget</text>']
    for index, (name, ours, xen, budget) in enumerate(rows):
        y = TOP + ROW * index
        parts += [f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end">{name}</text>',
                  f'<rect x="{LEFT}" y="{y}" width="{RIGHT}" height="14" fill="{XEN}"/>',
                  f'<rect x="{LEFT}" y="{y}" width="{RIGHT * ours / xen:.1f}" height="14" fill="{OURS}"/>',
                  f'<rect x="{LEFT + RIGHT * budget / xen - 1:.1f}" y="{y - 1}" width="2" height="16" fill="{LIMIT}"/>',
                  f'<text x="{LEFT + RIGHT + 8}" y="{y + 11}">{ours:.0f} of {xen:.0f}</text>']
    return "\n".join([*parts, "</svg>", ""])
