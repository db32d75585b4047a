// Each check: its state, since when, its last result, its last day.

import { ago, el, select, span, state, strip, table } from "./draw.js";
import { list } from "./list.js";

function users(check) {
  if (check.used_by === 0) return check.computed ? "computed by a program" : "–";
  const first = check.users[0];
  const more = check.used_by > 1 ? ` and ${check.used_by - 1} more` : "";
  const all = check.users.map((user) => `${user.owner} ${user.type}`).join("\n");
  return el("span", { title: all }, el("span", { class: "mono" }, first.owner), ` ${first.type}${more}`);
}

function row(check) {
  const last = check.last;
  const why = check.held ?? last?.reason ?? last?.warning ?? (check.recalled ? "as before the last start" : null);
  const next = check.next ? `next in ${span(Date.parse(check.next) - Date.now())}` : "";
  return [
    el("td", { class: "tight" }, state(check.state), el("div", { class: "why" }, check.since ? `for ${ago(check.since)}` : "")),
    el("th", { scope: "row" }, el("span", { class: "mono" }, check.name), why ? el("div", { class: "why" }, why) : null),
    el("td", { class: "tight" }, last ? `${last.latency_ms.toFixed(1)} ms` : "–", el("div", { class: "why" }, next)),
    strip(check),
    users(check),
  ];
}

export function endpoints() {
  const states = select([["", "any"], ["down", "down"], ["unknown", "unknown"], ["up", "up"]], "");
  states.dataset.label = "State";
  const titles = ["State", "Check", "Last probe", "Last 24 hours", "Used by"];
  const draw = (found) => table("Endpoints", titles, found.checks.map(row), "No check matches.");
  return list({
    path: "/api/v1/checks",
    query: { history: true },
    hint: "address or URL",
    filters: { state: states },
    draw,
    size: (found) => found.checks.length,
  });
}
