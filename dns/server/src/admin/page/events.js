// What happened lately, the newest first.

import { get } from "./api.js";
import { el, keepFocus, state, table, time } from "./draw.js";

function words(event) {
  switch (event.event) {
    case "change":
      return el("span", {}, el("span", { class: "mono" }, event.check), " is ", state(event.to), ` (was ${event.from}): ${event.reason}`);
    case "start":
      return `server started, version ${event.version}`;
    case "override-set":
      return `override ${event.id} set: ${event.override}, by ${event.who}: ${event.reason}`;
    case "override-ended":
      return `override ${event.id} ended: ${event.override}, by ${event.who}${event.reason ? `: ${event.reason}` : ""}`;
    case "override-expired":
      return `override ${event.id} is over: ${event.override}`;
    case "override-refused":
      return `override refused: ${event.override}, by ${event.who}: ${event.why}`;
    case "resumed":
      return `${event.check} may come back, by ${event.who}`;
    case "let-go":
      return `members of ${event.records} may leave, by ${event.who}`;
    case "missed":
      return `${event.count} changes came too fast to be noted`;
    default:
      return event.event;
  }
}

export function events() {
  const body = el("div");
  async function refresh() {
    const found = await get("/api/v1/changes", { limit: 200 });
    const rows = found.changes.reverse().map((event) => [el("td", { class: "tight" }, time(event.at)), words(event)]);
    keepFocus(body, () => body.replaceChildren(table("Events", ["When", "What"], rows, "Nothing has happened yet.")));
  }
  return { node: el("section", {}, body), refresh };
}
