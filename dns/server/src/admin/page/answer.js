// What a name answers now, asked of the very function that answers queries.

import { get } from "./api.js";
import { el, field, select, table } from "./draw.js";

const TYPES = ["A", "AAAA", "CNAME", "TXT", "MX", "NS", "SOA", "SRV", "HTTPS", "CAA"];

export function answer() {
  const name = el("input", { required: true, placeholder: "www.example.org", autocomplete: "off", spellcheck: "false" });
  const type = select(TYPES.map((word) => [word, word]), "A");
  const client = el("input", { placeholder: "your address", autocomplete: "off", spellcheck: "false" });
  const result = el("div", { "aria-live": "polite" });
  let asked = null;

  async function ask() {
    if (!asked) return;
    try {
      result.replaceChildren(draw(await get("/api/v1/answer", asked)));
    } catch (why) {
      result.replaceChildren(el("p", { class: "error" }, why.message));
    }
  }

  function draw(found) {
    const row = (record) => [
      el("th", { scope: "row", class: "mono" }, record.name),
      String(record.ttl),
      record.type,
      el("span", { class: "mono" }, record.data),
    ];
    return el(
      "div",
      {},
      el("p", {}, el("strong", {}, found.rcode), found.note ? ` – ${found.note}` : "", ` (for ${found.client})`),
      table("Answer", ["Name", "TTL", "Type", "Data"], found.records.map(row), "No records."),
    );
  }

  const form = el(
    "form",
    {
      class: "panel",
      onsubmit: (event) => {
        event.preventDefault();
        asked = { name: name.value.trim(), type: type.value, client: client.value.trim() };
        ask();
      },
    },
    el("h2", {}, "What does a name answer now?"),
    el("div", { class: "fields" }, field("Name", name, true), field("Type", type), field("For a client at", client)),
    el("button", { class: "main" }, "Ask"),
  );
  return { node: el("section", {}, form, result), refresh: ask };
}
