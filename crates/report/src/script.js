// Values under the pointer.
for (const svg of document.querySelectorAll("svg[data-chart]")) {
  const chart = JSON.parse(svg.dataset.chart);
  const [left, right, top, bottom] = chart.plot;
  const pointer = svg.querySelector(".pointer");
  const figure = svg.closest("figure");
  const place = (axis, value) => axis.log
    ? Math.log(value / axis.low) / Math.log(axis.high / axis.low)
    : (value - axis.low) / (axis.high - axis.low);
  const px = x => left + place(chart.x, x) * (right - left);
  const py = y => bottom - place(chart.y, y) * (bottom - top);
  const text = (axis, value, digits) => axis.percent
    ? (100 * value).toFixed(2) + " %"
    : value.toLocaleString("en", { maximumSignificantDigits: digits });
  const element = (name, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    return node;
  };
  // Points are sorted: the nearest is one of the two around the pointer.
  const nearest = (points, x) => {
    let low = 0, high = points.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (px(points[middle][0]) < x) low = middle; else high = middle;
    }
    return Math.abs(px(points[low][0]) - x) <= Math.abs(px(points[high][0]) - x) ? points[low] : points[high];
  };
  let tip;
  const hide = () => {
    pointer.replaceChildren();
    tip?.remove();
    tip = undefined;
  };
  const show = event => {
    const box = svg.getBoundingClientRect();
    const scale = svg.getScreenCTM().a;
    const x = (event.clientX - svg.getScreenCTM().e) / scale;
    const hits = chart.series.filter(series => series.points.length)
      .map(series => ({ series, point: nearest(series.points, x) }));
    if (!hits.length || x < left - 12 || x > right + 12) return hide();
    const distance = hit => Math.abs(px(hit.point[0]) - x);
    const at = hits.reduce((best, hit) => distance(hit) < distance(best) ? hit : best).point[0];
    const shown = hits.filter(hit => Math.abs(px(hit.point[0]) - px(at)) < 6);
    pointer.replaceChildren(
      element("path", { class: "axis", d: `M${px(at)} ${top}V${bottom}` }),
      ...shown.map(({ series, point }) => element("circle", { class: "c" + series.colour, cx: px(point[0]), cy: py(point[1]), r: 4 })));
    if (!tip) {
      tip = document.createElement("div");
      tip.className = "tip";
      figure.append(tip);
    }
    const lines = [document.createElement("div")];
    lines[0].textContent = `${chart.label} ${text(chart.x, at, 7)}`;
    for (const { series, point } of shown) {
      const line = document.createElement("div");
      const name = document.createElement("span");
      name.className = "c" + series.colour;
      const interval = point.length > 2 ? ` (${text(chart.y, point[2], 4)} – ${text(chart.y, point[3], 4)})` : "";
      // A long series was thinned: its nearest value may be of another place.
      const elsewhere = point[0] === at ? "" : ` at ${text(chart.x, point[0], 7)}`;
      name.textContent = `${series.name}: ${text(chart.y, point[1], 4)}${interval}${elsewhere}`;
      line.append(name);
      lines.push(line);
    }
    tip.replaceChildren(...lines);
    const frame = figure.getBoundingClientRect();
    const wanted = svg.getScreenCTM().e + px(at) * scale - frame.left;
    const fits = wanted + 14 + tip.offsetWidth <= frame.width;
    tip.style.left = Math.max(4, fits ? wanted + 14 : wanted - 14 - tip.offsetWidth) + "px";
    tip.style.top = box.top - frame.top + 12 + "px";
  };
  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerdown", show);
  svg.addEventListener("pointerleave", hide);
}
