"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const stage = at("stage"), canvas = at("canvas"), slider = at("slider"), said = at("said"), legend = at("legend");
  const state = { view: null, split: 0.5, zoom: 1, x: 0, y: 0, line: null };
  const BLACK = 0.5, WHITE = 99.9; // percentiles shown black and white

  // ---- pixels: red and green of a PNG are one number
  const decoded = new Map();
  function decode(picture) {
    if (!decoded.has(picture)) {
      decoded.set(picture, new Promise((resolve, reject) => {
        const image = new Image();
        image.onload = () => {
          const paper = document.createElement("canvas");
          paper.width = picture.width; paper.height = picture.height;
          const pen = paper.getContext("2d", { willReadFrequently: true });
          pen.drawImage(image, 0, 0);
          const bytes = pen.getImageData(0, 0, picture.width, picture.height).data;
          const levels = new Uint16Array(picture.width * picture.height);
          for (let i = 0; i < levels.length; i++) levels[i] = 256 * bytes[4 * i] + bytes[4 * i + 1];
          const sorted = Uint16Array.from(levels).sort();
          const value = (percent) => picture.low + picture.step * sorted[Math.round((sorted.length - 1) * percent / 100)];
          resolve({ width: picture.width, height: picture.height, low: picture.low, step: picture.step, levels, black: value(BLACK), white: value(WHITE), most: value(100) });
        };
        image.onerror = () => reject(new Error("a picture of this page cannot be read"));
        image.src = picture.uri;
      }));
    }
    return decoded.get(picture);
  }
  function painted(pixels, colour) {
    const paper = document.createElement("canvas");
    paper.width = pixels.width; paper.height = pixels.height;
    const pen = paper.getContext("2d"), out = pen.createImageData(pixels.width, pixels.height), known = new Map();
    for (let i = 0; i < pixels.levels.length; i++) {
      const level = pixels.levels[i];
      let rgba = known.get(level);
      if (rgba === undefined) { rgba = colour(pixels.low + pixels.step * level, level); known.set(level, rgba); }
      out.data.set(rgba, 4 * i);
    }
    pen.putImageData(out, 0, 0);
    return paper;
  }
  const grey = (black, white) => (value) => {
    const v = Math.max(0, Math.min(255, Math.round(255 * (value - black) / (white - black || 1))));
    return [v, v, v, 255];
  };
  const signed = (pixels) => pixels.black < 0 && pixels.white > 0;
  const heat = (pixels) => (value, level) => { // nothing is transparent; much is orange to magenta, much below zero is blue
    if (level === 0) return [0, 0, 0, 0];
    const far = signed(pixels) ? Math.max(pixels.white, -pixels.black) : pixels.white - pixels.black;
    const t = Math.max(-1, Math.min(1, (signed(pixels) ? value : value - pixels.black) / (far || 1)));
    if (t < 0) return [Math.round(90 * (1 + t)), Math.round(150 + 50 * t), 255, t < -0.02 ? Math.round(-230 * t) : 0];
    return [255, Math.round(190 * (1 - t)), Math.round(200 * t * t), t > 0.02 ? Math.round((signed(pixels) ? 0 : 40) + (signed(pixels) ? 230 : 190) * t) : 0];
  };

  // ---- the view
  const pick = (id) => (at(id) ? at(id).value : null);
  function wanted() {
    const asked = { channel: pick("channel"), plane: pick("plane"), part: pick("part") };
    const fits = (view) => Object.entries(asked).filter(([key, value]) => value === null || view[key] === value).length;
    return data.views.slice().sort((a, b) => fits(b) - fits(a))[0];
  }
  let shown = null;
  async function load() {
    const view = wanted();
    for (const key of ["channel", "plane", "part"]) if (at(key)) at(key).value = view[key];
    const name = pick("overlay"), layer = name ? view.layers.find((l) => l.name === name) : null;
    const [before, after, over] = await Promise.all([decode(view.before), decode(view.after), layer ? decode(layer.picture) : null]);
    let ranges = [[before.black, before.white], [after.black, after.white]];
    if (pick("contrast") === "same") ranges = [0, 1].map(() => [Math.min(before.black, after.black), Math.max(before.white, after.white)]);
    shown = { view, before, after, layer, over, left: painted(before, grey(...ranges[0])), right: painted(after, grey(...ranges[1])), heat: over ? painted(over, heat(over)) : null };
    if (state.view !== view) { state.view = view; state.line = firstLine(); }
    const place = [view.channel, view.plane, view.part].filter(Boolean).join(", ");
    said.textContent = `${place}. Black and white: before ${ranges[0].map(short).join(" to ")}, after ${ranges[1].map(short).join(" to ")} counts (${pick("contrast") === "same" ? "the same for both" : `${BLACK} % and ${WHITE} % of each picture's own values`}).`;
    legend.hidden = !name;
    legend.textContent = !name ? "" : layer ? `Overlay ${name.replaceAll("_", " ")}: ${signed(over) ? `blue below zero, orange above; full colour at ±${short(Math.max(over.white, -over.black))}` : `from nothing (${short(over.black)}) to full colour (${short(over.white)})`} ${layer.unit}. ${layer.meaning}` : "This overlay was not made for this view.";
    draw(); histogram(); profile();
  }
  const short = (v) => (v === 0 ? "0" : Math.abs(v) >= 1e5 || Math.abs(v) < 1e-3 ? v.toExponential(2) : String(+v.toPrecision(4)));

  // ---- drawing: x and y are the pixel of the input picture at the middle of the stage
  const fit = () => Math.min(stage.clientWidth / shown.before.width, stage.clientHeight / shown.before.height);
  const scale = () => fit() * state.zoom;
  function limit() {
    const half = [stage.clientWidth / 2 / scale(), stage.clientHeight / 2 / scale()], size = [shown.before.width, shown.before.height];
    ["x", "y"].forEach((key, i) => { state[key] = half[i] * 2 >= size[i] ? size[i] / 2 : Math.max(half[i], Math.min(size[i] - half[i], state[key])); });
  }
  const toStage = (x, y) => [stage.clientWidth / 2 + (x - state.x) * scale(), stage.clientHeight / 2 + (y - state.y) * scale()];
  const toPicture = (u, v) => [state.x + (u - stage.clientWidth / 2) / scale(), state.y + (v - stage.clientHeight / 2) / scale()];
  function draw() {
    if (!shown) return;
    limit();
    const ratio = window.devicePixelRatio || 1, width = stage.clientWidth, height = stage.clientHeight;
    canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.imageSmoothingEnabled = scale() < 1;
    const [u, v] = toStage(0, 0), w = shown.before.width * scale(), h = shown.before.height * scale(), border = width * state.split;
    const part = (from, to, paint) => { pen.save(); pen.beginPath(); pen.rect(from, 0, to - from, height); pen.clip(); paint(); pen.restore(); };
    part(0, border, () => pen.drawImage(shown.left, u, v, w, h));
    part(border, width, () => pen.drawImage(shown.right, u, v, w, h));
    if (shown.heat) part(border, width, () => { const [l, t, bw, bh] = shown.layer.box; pen.drawImage(shown.heat, u + l * scale(), v + t * scale(), bw * scale(), bh * scale()); });
    if (shown.layer) { const [l, t, bw, bh] = shown.layer.box; pen.strokeStyle = "rgba(255,255,255,.7)"; pen.setLineDash([5, 4]); pen.strokeRect(u + l * scale(), v + t * scale(), bw * scale(), bh * scale()); pen.setLineDash([]); }
    if (state.line) {
      pen.strokeStyle = "#ffd400"; pen.lineWidth = 2; pen.beginPath();
      pen.moveTo(...toStage(state.line[0], state.line[1])); pen.lineTo(...toStage(state.line[2], state.line[3])); pen.stroke();
    }
    bar(pen, width, height);
    slider.style.left = `${100 * state.split}%`;
    slider.setAttribute("aria-valuenow", String(Math.round(100 * state.split)));
    stage.dataset.zoom = state.zoom.toFixed(3); stage.dataset.x = state.x.toFixed(2); stage.dataset.y = state.y.toFixed(2);
  }
  function pixel() { return (data.pixel_um || 1) * state.view.averaged; }
  function bar(pen, width, height) {
    const longest = (width / 4 / scale()) * pixel(), power = 10 ** Math.floor(Math.log10(longest));
    const length = [5, 2, 1].find((f) => f * power <= longest) * power, across = (length / pixel()) * scale();
    const text = `${+length.toPrecision(3)} ${data.pixel_um ? "µm" : "px"}`, left = width - across - 18, base = height - 18;
    pen.fillStyle = "rgba(0,0,0,.5)"; pen.fillRect(left - 8, base - 26, across + 16, 36);
    pen.fillStyle = "#fff"; pen.fillRect(left, base, across, 4);
    pen.font = "14px system-ui, sans-serif"; pen.textAlign = "center"; pen.fillText(text, left + across / 2, base - 7);
    stage.dataset.bar = text;
  }
  function zoomTo(zoom, u = stage.clientWidth / 2, v = stage.clientHeight / 2) {
    const [x, y] = toPicture(u, v);
    state.zoom = Math.max(1, Math.min(64, zoom));
    state.x = x - (u - stage.clientWidth / 2) / scale(); state.y = y - (v - stage.clientHeight / 2) / scale();
    draw();
  }
  const split = (part) => { state.split = Math.max(0, Math.min(1, part)); draw(); };

  // ---- mouse, touch, keys
  const fingers = new Map();
  let pinch = null, drawing = false;
  const spot = (event) => { const box = stage.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  stage.addEventListener("pointerdown", (event) => {
    if (event.target.closest("#slider") || !shown) return;
    stage.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, spot(event));
    if (fingers.size === 2) { const [a, b] = [...fingers.values()]; pinch = { apart: Math.hypot(a[0] - b[0], a[1] - b[1]), zoom: state.zoom }; drawing = false; }
    else if (at("profile-mode").checked) { const p = toPicture(...spot(event)); state.line = [...p, ...p]; drawing = true; }
  });
  stage.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const was = fingers.get(event.pointerId), now = spot(event);
    fingers.set(event.pointerId, now);
    if (pinch && fingers.size === 2) {
      const [a, b] = [...fingers.values()];
      zoomTo(pinch.zoom * Math.hypot(a[0] - b[0], a[1] - b[1]) / pinch.apart, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
    } else if (drawing) { const p = toPicture(...now); state.line[2] = p[0]; state.line[3] = p[1]; draw(); profile(); }
    else { state.x -= (now[0] - was[0]) / scale(); state.y -= (now[1] - was[1]) / scale(); draw(); }
  });
  for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (event) => { fingers.delete(event.pointerId); if (fingers.size < 2) pinch = null; drawing = false; });
  stage.addEventListener("wheel", (event) => { if (!shown) return; event.preventDefault(); zoomTo(state.zoom * 1.0015 ** -event.deltaY, ...spot(event)); }, { passive: false });
  stage.addEventListener("keydown", (event) => {
    if (event.target !== stage || !shown) return;
    const step = stage.clientWidth / 12 / scale();
    const keys = { ArrowLeft: () => { state.x -= step; draw(); }, ArrowRight: () => { state.x += step; draw(); }, ArrowUp: () => { state.y -= step; draw(); }, ArrowDown: () => { state.y += step; draw(); }, "+": () => zoomTo(state.zoom * 1.25), "=": () => zoomTo(state.zoom * 1.25), "-": () => zoomTo(state.zoom / 1.25), 0: () => zoomTo(1) };
    if (keys[event.key]) { keys[event.key](); event.preventDefault(); }
  });
  slider.addEventListener("pointerdown", (event) => { slider.setPointerCapture(event.pointerId); event.stopPropagation(); });
  slider.addEventListener("pointermove", (event) => { if (slider.hasPointerCapture(event.pointerId)) split(spot(event)[0] / stage.clientWidth); });
  slider.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: state.split - 0.02, ArrowRight: state.split + 0.02, ArrowDown: state.split - 0.02, ArrowUp: state.split + 0.02, PageDown: state.split - 0.1, PageUp: state.split + 0.1, Home: 0, End: 1 }[event.key];
    if (to !== undefined) { split(to); event.preventDefault(); event.stopPropagation(); }
  });
  at("in").addEventListener("click", () => zoomTo(state.zoom * 1.5));
  at("out").addEventListener("click", () => zoomTo(state.zoom / 1.5));
  at("fit").addEventListener("click", () => zoomTo(1));
  at("profile-mode").addEventListener("change", (event) => stage.classList.toggle("line", event.target.checked));
  for (const id of ["channel", "plane", "part", "contrast", "overlay"]) if (at(id)) at(id).addEventListener("change", load);
  new ResizeObserver(draw).observe(stage);
  window.addEventListener("beforeprint", draw);

  // ---- plots
  const SVG = "http://www.w3.org/2000/svg";
  function node(name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }
  function ticks(low, high) { // 1, 2, 5 times a power of ten, four to eight of them
    const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough)), step = [1, 2, 5, 10].find((f) => f * power >= rough) * power, out = [];
    for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + 1e-9 * step; v += step) out.push(Math.abs(v) < 1e-9 * step ? 0 : v);
    return out;
  }
  function decades(low, high) { // of a logarithmic axis, with 2 and 5 between where few
    const out = [], few = high - low < 2.2;
    for (let e = Math.floor(low); e <= high; e++) for (const f of few ? [1, 2, 5] : [1]) { const v = e + Math.log10(f); if (v >= low - 1e-9 && v <= high + 1e-9) out.push(v); }
    return out;
  }
  const COLOURS = ["var(--before)", "var(--after)", "var(--green)", "var(--red)", "var(--soft)"];
  function plot(where, spec) {
    const W = 420, H = 240, L = 58, R = 12, T = 10, B = 42, svg = node("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": spec.title });
    const fx = spec.log_x ? (v) => Math.log10(v) : (v) => v, fy = spec.log_y ? (v) => Math.log10(Math.max(v, 0.5)) : (v) => v;
    const points = spec.series.flatMap((s) => s.x.map((x, i) => [fx(x), s.y[i] === null ? NaN : fy(s.y[i])])).filter((p) => p.every(Number.isFinite));
    if (!points.length) { where.replaceChildren("nothing was measured"); return; }
    let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const [x, y] of points) { x0 = Math.min(x0, x); x1 = Math.max(x1, x); y0 = Math.min(y0, y); y1 = Math.max(y1, y); }
    if (!spec.tight) y0 = Math.min(y0, 0);
    if (x1 === x0) x1 = x0 + 1;
    if (y1 === y0) y1 = y0 + 1;
    const px = (x) => L + (W - L - R) * (x - x0) / (x1 - x0), py = (y) => H - B - (H - T - B) * (y - y0) / (y1 - y0);
    svg.append(node("path", { class: "axis", d: `M${L} ${T}V${H - B}H${W - R}` }));
    for (const x of spec.log_x ? decades(x0, x1) : ticks(x0, x1)) svg.append(node("text", { x: px(x), y: H - B + 15, "text-anchor": "middle" }, short(spec.log_x ? 10 ** x : x)), node("path", { class: "axis", d: `M${px(x)} ${H - B}v4` }));
    for (const y of spec.log_y ? decades(y0, y1) : ticks(y0, y1)) svg.append(node("text", { x: L - 6, y: py(y) + 4, "text-anchor": "end" }, short(spec.log_y ? 10 ** y : y)), node("path", { class: "axis", d: `M${L} ${py(y)}h-4` }));
    svg.append(node("text", { x: (L + W - R) / 2, y: H - 8, "text-anchor": "middle" }, spec.x_label));
    svg.append(node("text", { x: 12, y: (T + H - B) / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${(T + H - B) / 2})` }, spec.y_label));
    if (spec.mark !== undefined && spec.mark !== null) svg.append(node("path", { d: `M${px(fx(spec.mark))} ${T}V${H - B}`, stroke: "var(--focus)", "stroke-dasharray": "4 3" }));
    spec.series.forEach((s, k) => {
      let d = "", pen = "M";
      s.x.forEach((x, i) => { const a = fx(x), b = s.y[i] === null ? NaN : fy(s.y[i]); if (Number.isFinite(a) && Number.isFinite(b)) { d += `${pen}${px(a).toFixed(1)} ${py(b).toFixed(1)}`; pen = "L"; } else pen = "M"; });
      svg.append(node("path", { d, stroke: COLOURS[k % COLOURS.length], class: "series" }));
      if (s.name) svg.append(node("text", { x: W - R - 4, y: T + 12 + 14 * k, "text-anchor": "end", style: `fill:${COLOURS[k % COLOURS.length]};font-weight:600` }, s.name));
    });
    where.replaceChildren(svg);
  }
  const sample = (pixels, x, y) => { // bilinear, pixel centres at halves
    const u = Math.max(0, Math.min(pixels.width - 1, x - 0.5)), v = Math.max(0, Math.min(pixels.height - 1, y - 0.5));
    const a = Math.min(Math.floor(u), Math.max(0, pixels.width - 2)), b = Math.min(Math.floor(v), Math.max(0, pixels.height - 2)), p = u - a, q = v - b;
    const get = (i, j) => pixels.low + pixels.step * pixels.levels[Math.min(pixels.height - 1, j) * pixels.width + Math.min(pixels.width - 1, i)];
    return (1 - q) * ((1 - p) * get(a, b) + p * get(a + 1, b)) + q * ((1 - p) * get(a, b + 1) + p * get(a + 1, b + 1));
  };
  function firstLine() { // across the brightest pixel of the result
    const { after, before } = shown, finer = after.width / before.width;
    let best = 0;
    after.levels.forEach((level, i) => { if (level > after.levels[best]) best = i; });
    const x = (best % after.width + 0.5) / finer, y = (Math.floor(best / after.width) + 0.5) / finer, half = before.width / 12;
    return [Math.max(0, x - half), y, Math.min(before.width, x + half), y];
  }
  function profile() {
    const [x0, y0, x1, y1] = state.line, long = Math.hypot(x1 - x0, y1 - y0), count = Math.max(2, Math.min(600, Math.round(4 * long)));
    const finer = shown.after.width / shown.before.width, x = [], before = [], after = [];
    for (let i = 0; i < count; i++) {
      const t = i / (count - 1), u = x0 + t * (x1 - x0), v = y0 + t * (y1 - y0);
      x.push(t * long * pixel()); before.push(sample(shown.before, u, v)); after.push(sample(shown.after, u * finer, v * finer));
    }
    plot(at("profile"), { title: "profile along the line, before and after", x_label: data.pixel_um ? "distance (µm)" : "distance (px)", y_label: "counts", series: [{ name: "before", x, y: before }, { name: "after", x, y: after }] });
  }
  function histogram() {
    const bins = 64, low = Math.min(shown.before.low, shown.after.low), high = Math.max(shown.before.most, shown.after.most);
    const line = (pixels) => { const n = new Array(bins).fill(0); for (const level of pixels.levels) n[Math.max(0, Math.min(bins - 1, Math.floor(bins * (pixels.low + pixels.step * level - low) / (high - low || 1))))]++; return n; };
    const x = [...Array(bins).keys()].map((i) => low + (high - low) * (i + 0.5) / bins);
    plot(at("histogram"), { title: "histogram of pixel values, before and after", x_label: "counts", y_label: "pixels", log_y: true, series: [{ name: "before", x, y: line(shown.before) }, { name: "after", x, y: line(shown.after) }] });
  }
  for (const curve of data.curves) {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption"), where = document.createElement("div"), words = document.createElement("p");
    caption.textContent = curve.title.replaceAll("_", " "); where.className = "plot"; words.className = "soft"; words.textContent = curve.meaning;
    figure.append(caption, where, words); at("curve-plots").append(figure);
    plot(where, { ...curve, tight: curve.log_x });
  }

  // ---- copying
  for (const button of document.querySelectorAll(".copier")) button.addEventListener("click", async () => {
    const text = button.previousElementSibling.textContent;
    try { await navigator.clipboard.writeText(text); } catch {
      const range = document.createRange(); range.selectNodeContents(button.previousElementSibling);
      getSelection().removeAllRanges(); getSelection().addRange(range); document.execCommand("copy");
    }
    button.textContent = "copied"; button.classList.add("done"); setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
  if (data.views.length) load();
})();
