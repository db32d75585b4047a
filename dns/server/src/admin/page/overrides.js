// What operators say against health: those in force, and a form for whoever may set one.

import { get, post } from "./api.js";
import { ago, el, field, select, span, table, time } from "./draw.js";

const ORDERS = [
  ["drain", "drain: not while anything else is up"],
  ["down", "down: not at all"],
  ["pin", "pin: it and nothing else"],
  ["up", "up: as if it were up"],
];

export function overrides(me) {
  const body = el("div");
  const told = el("p", { "aria-live": "polite" });

  async function attempt(act, done) {
    try {
      await act();
      told.className = "done";
      told.textContent = done;
    } catch (why) {
      told.className = "error";
      told.textContent = why.message;
    }
    await refresh(true).catch(() => {});
  }

  function row(one) {
    const end = () => askWhy(one);
    return [
      String(one.id),
      el("th", { scope: "row" }, `${one.order} `, el("span", { class: "mono" }, one.target), one.in ? ` in ${one.in}` : ""),
      el("span", {}, `${span(Date.parse(one.until) - Date.now())} left`, el("div", { class: "why" }, "until ", time(one.until))),
      one.reason,
      el("span", {}, one.who, el("div", { class: "why" }, `${ago(one.since)} ago`)),
      me().may_write
        ? el("button", { type: "button", class: "small", onclick: end, "aria-label": `End override ${one.id}` }, "End")
        : "",
    ];
  }

  const why = el("input", { maxlength: "500", autocomplete: "off" });
  const question = el("h2", { id: "end-title" });
  let ending = null;
  const dialog = el(
    "dialog",
    {
      "aria-labelledby": "end-title",
      onclose: () => {
        const path = `/api/v1/overrides/${ending}/end`;
        if (dialog.returnValue === "end") attempt(() => post(path, { reason: why.value }), `Override ${ending} has ended.`);
      },
    },
    el(
      "form",
      { method: "dialog" },
      question,
      field("Why (may be empty)", why),
      el("p", { class: "buttons" }, el("button", { value: "end", class: "main" }, "End it"), el("button", { value: "cancel" }, "Leave it")),
    ),
  );

  function askWhy(one) {
    ending = one.id;
    why.value = "";
    question.textContent = `End override ${one.id}, ${one.order} ${one.target}?`;
    dialog.returnValue = "";
    dialog.showModal();
  }

  async function refresh(isForced = false) {
    const found = await get("/api/v1/overrides");
    document.getElementById("override-count").textContent = found.overrides.length ? `(${found.overrides.length})` : "";
    if (!isForced && body.contains(document.activeElement)) return;
    const titles = ["No.", "What", "Until", "Why", "Who", ""];
    body.replaceChildren(table("Overrides in force", titles, found.overrides.map(row), "No override is in force."));
    if (!found.kept) {
      body.append(el("p", { class: "note" }, "Overrides end with the server: health.state is not set."));
    }
  }

  const order = select(ORDERS, "drain");
  const target = el("input", { required: true, placeholder: "192.0.2.1, region:fsn, www.example.org/A", autocomplete: "off", spellcheck: "false" });
  const within = el("input", { placeholder: "everywhere", autocomplete: "off", spellcheck: "false" });
  const length = el("input", { required: true, value: "1h", pattern: "[0-9]+ ?(s|m|h)", title: "a number and s, m or h", autocomplete: "off" });
  const reason = el("input", { required: true, maxlength: "500", autocomplete: "off" });
  const empty = el("input", { type: "checkbox" });
  const form = el(
    "form",
    {
      class: "panel",
      id: "override-form",
      onsubmit: (event) => {
        event.preventDefault();
        const wish = {
          order: order.value,
          target: target.value.trim(),
          for: length.value,
          reason: reason.value,
          may_empty: empty.checked,
          ...(within.value.trim() && { in: within.value.trim() }),
        };
        attempt(async () => {
          const set = await post("/api/v1/overrides", wish);
          form.reset();
          return set;
        }, "The override is in force.");
      },
    },
    el("h2", {}, "Set an override"),
    el(
      "div",
      { class: "fields" },
      field("Order", order, true),
      field("Target: an address, network, label, check, record or zone", target, true),
      field("Only in this zone or record", within),
      field("For", length),
      field("Why", reason, true),
      el("label", { class: "box" }, empty, "even if a record is left with nothing"),
    ),
    el("button", { class: "main" }, "Set"),
  );
  const readOnly = el("p", { class: "note" }, "To set or end one, show a token that may write.");
  const node = el("section", {}, me().may_write ? form : readOnly, told, body, dialog);
  return { node, refresh };
}
