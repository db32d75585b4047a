// A view that is a filter, a table and a pager, and that keeps the filter while the table is drawn anew.

import { get } from "./api.js";
import { el, field, keepFocus, pager, settled } from "./draw.js";

const PAGE = 50;

// path: where; word: what the filter is for; filters: further fields by parameter; draw: list -> element;
// size: list -> how many are shown.
export function list({ path, query = {}, hint, filters = {}, draw, size }) {
  let offset = 0;
  const name = el("input", { type: "search", placeholder: hint, autocomplete: "off", spellcheck: "false" });
  const body = el("div");
  const again = (to) => {
    offset = to;
    return refresh();
  };
  const more = pager((step) => again(Math.max(0, offset + step * PAGE)).catch(() => {}));
  const restart = settled(() => again(0).catch(() => {}));
  name.addEventListener("input", restart);
  for (const filter of Object.values(filters)) filter.addEventListener("input", restart);

  async function refresh() {
    const given = Object.entries(filters).map(([key, filter]) => [key, filter.value]);
    const asked = { ...query, ...Object.fromEntries(given), name: name.value, offset, limit: PAGE };
    const found = await get(path, asked);
    if (offset > 0 && size(found) === 0) return again(0);
    keepFocus(body, () => body.replaceChildren(draw(found)));
    more.update(offset, size(found), found.matching);
  }

  const fields = Object.values(filters).map((filter) => field(filter.dataset.label, filter));
  const filter = field("Filter", name);
  filter.classList.add("grow");
  return { node: el("section", {}, el("div", { class: "bar" }, filter, fields), body, more.node), refresh };
}
