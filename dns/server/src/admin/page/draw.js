// Makes elements. Text is only ever set as text: what a zone or an endpoint says cannot become markup.

const SVG = "http://www.w3.org/2000/svg";

// el("td", {class: "tight"}, "text", other, ...)
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return node;
}

// 90 s as "90 s", two hours as "2 h": one unit, like the command line.
export function span(ms) {
  const s = Math.max(0, ms) / 1000;
  if (s < 120) return `${s < 10 ? s.toFixed(1) : Math.round(s)} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

export function ago(date) {
  return date ? span(Date.now() - Date.parse(date)) : "–";
}

export function time(date) {
  return el("time", { datetime: date, title: date }, new Date(date).toLocaleString());
}

export function state(word) {
  const sign = { up: "✓", down: "✕", unknown: "?" }[word] ?? "";
  return el("span", { class: `state ${word}` }, el("span", { "aria-hidden": "true" }, `${sign} `), word);
}

// The last hours of a check: a stretch for each state it was in, the newest at the right. Nothing is drawn
// for the time of which nothing is known.
export function strip(check, hours = 24) {
  const now = Date.now();
  const from = now - hours * 3600000;
  const turns = check.history.map((turn) => ({ word: turn.to, before: turn.from, ms: Date.parse(turn.at) }));
  // Changes may be forgotten; the state that it is in is not.
  if (turns.length === 0 && check.since) turns.push({ word: check.state, ms: Date.parse(check.since) });
  else if (turns[0]?.ms > from) turns.unshift({ word: turns[0].before, ms: from });
  const x = (ms) => ((Math.max(ms, from) - from) / (now - from)) * 1000;
  const parts = turns.map((turn, at) => {
    const start = x(turn.ms);
    // What was short is to be seen, too.
    const width = Math.max(x(turns[at + 1]?.ms ?? now) - start, 12);
    return { word: turn.word, x: Math.min(start, 1000 - width), width };
  });
  const downs = turns.filter((turn) => turn.before && turn.word === "down" && turn.ms >= from).length;
  const words = `last ${hours} hours: ${downs === 1 ? "went down once" : `went down ${downs} times`}, now ${check.state}`;
  // Failures are drawn last, above what hides them.
  parts.sort((a, b) => (a.word === "down") - (b.word === "down"));
  return svg(
    "svg",
    { class: "strip", viewBox: "0 0 1000 10", preserveAspectRatio: "none", role: "img", "aria-label": words },
    svg("title", {}, words),
    parts.map((part) => svg("rect", { class: part.word, x: part.x, y: 0, width: part.width, height: 10 })),
  );
}

export function table(caption, titles, rows, empty) {
  if (rows.length === 0) return el("div", { class: "scroll" }, el("p", { class: "empty" }, empty));
  const head = titles.map((title) => el("th", { scope: "col" }, title));
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el(
      "table",
      {},
      el("caption", { class: "hidden-label" }, caption),
      el("thead", {}, el("tr", {}, head)),
      el("tbody", {}, rows.map((cells) => el("tr", {}, cells.map((cell) => (cell instanceof HTMLTableCellElement ? cell : el("td", {}, cell)))))),
    ),
  );
}

// "1 to 50 of 3000", and two buttons, which stay the same so that they keep the focus.
export function pager(go) {
  const back = el("button", { type: "button", onclick: () => go(-1) }, "Previous");
  const on = el("button", { type: "button", onclick: () => go(1) }, "Next");
  const words = el("span", { "aria-live": "polite" });
  const update = (offset, shown, all) => {
    back.disabled = offset === 0;
    on.disabled = offset + shown >= all;
    const text = all === 0 ? "" : `${offset + 1} to ${offset + shown} of ${all}`;
    if (words.textContent !== text) words.textContent = text;
  };
  return { node: el("div", { class: "pager" }, back, on, words), update };
}

// Draws anew what is in an element. If a table in it had the focus, for scrolling, the new one has it.
export function keepFocus(node, draw) {
  // Whoever is about to copy something keeps it.
  const selection = document.getSelection();
  if (!selection.isCollapsed && node.contains(selection.anchorNode)) return;
  const had = node.contains(document.activeElement);
  const left = node.querySelector(".scroll")?.scrollLeft;
  draw();
  const region = node.querySelector(".scroll[tabindex]");
  if (region && left) region.scrollLeft = left;
  if (had) region?.focus({ preventScroll: true });
}

let ids = 0;

// A field with its label. Returns the wrapper; the field is its last child.
export function field(label, input, wide = false) {
  input.id ||= `field-${++ids}`;
  return el("div", { class: wide ? "wide" : "" }, el("label", { for: input.id }, label), input);
}

export function select(options, chosen) {
  const option = ([value, text]) => el("option", { value, selected: value === chosen }, text);
  return el("select", {}, options.map(option));
}

// Calls no more often than so, with the last of what was typed.
export function settled(call, ms = 250) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(call, ms);
  };
}
