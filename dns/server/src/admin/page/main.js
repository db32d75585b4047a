// The frame: which view is shown, who is looking, and when to look again.

import { get, setToken, token } from "./api.js";
import { ago, el, span } from "./draw.js";
import { answer } from "./answer.js";
import { endpoints } from "./endpoints.js";
import { events } from "./events.js";
import { overrides } from "./overrides.js";
import { pools } from "./pools.js";

// Between two looks if nothing happens; what happens shows at once.
const LOOK = 5;

const main = document.getElementById("main");
const trouble = document.getElementById("trouble");
const dialog = document.getElementById("token-dialog");
let me = { may_write: false, token: null };
let view = null;
// Between two looks whatever happens, in milliseconds.
const PAUSE = 500;
// When the server last answered.
let heard = Date.now();
// Which entries of "down now" are shown at most.
const FIRST = 5;

const VIEWS = { pools, endpoints, answer, overrides: () => overrides(() => me), events };

function name() {
  const wanted = location.hash.slice(1);
  return wanted in VIEWS ? wanted : "pools";
}

async function show() {
  const shown = name();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${shown}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  view = VIEWS[shown]();
  main.replaceChildren(view.node);
  await look();
}

async function look() {
  try {
    const status = await get("/api/v1/status");
    const couldWrite = me.may_write;
    me = status.caller;
    const { up, down, unknown } = status.checks;
    const count = (word, number) => el("span", { class: number ? `count ${word}` : "count" }, `${number} ${word}`);
    const summary = document.getElementById("summary");
    const words = `${down} down, ${unknown} unknown, ${up} up`;
    // Only what is new is read out.
    if (summary.textContent !== words) {
      summary.replaceChildren(count("down", down), ", ", count("unknown", unknown), ", ", count("up", up));
    }
    document.title = down > 0 ? `${down} down – Halfmoon` : "Halfmoon";
    const who = me.token ? `, token ${me.token}${me.tenant ? ` of ${me.tenant}` : ""}` : "";
    document.getElementById("server").textContent =
      `${status.zones} ${status.zones === 1 ? "zone" : "zones"}, up for ${span(status.uptime_s * 1000)}, version ${status.version}${who}`;
    document.getElementById("override-count").textContent = status.overrides ? `(${status.overrides})` : "";
    const doubt = document.getElementById("doubt");
    doubt.hidden = !status.suspicion;
    if (status.suspicion) {
      const { failing, of, since } = status.suspicion;
      const many = of === null ? "many" : `${failing} of ${of}`;
      doubt.textContent = `This server may be cut off: ${many} targets failed at once, ${ago(since)} ago. What was up stays up meanwhile.`;
    }
    await showDown(down);
    if (couldWrite !== me.may_write && name() === "overrides") {
      view = VIEWS.overrides();
      main.replaceChildren(view.node);
    }
    await view?.refresh();
    heard = Date.now();
    trouble.hidden = true;
    document.body.classList.remove("stale");
  } catch (why) {
    // The server says itself what is wrong, or it says nothing.
    if (why.status) heard = Date.now();
    const since = new Date(heard).toLocaleTimeString();
    if (why.status === 401) trouble.textContent = `${why.message} (Token…, above)`;
    else if (why.status) trouble.textContent = `The server refuses: ${why.message}`;
    else trouble.textContent = `No answer since ${since}. What is shown is old.`;
    trouble.hidden = false;
    document.body.classList.add("stale");
    document.title = "No answer – Halfmoon";
    if (why.status) document.title = "Halfmoon";
  }
}

// What is down, above the pools: the first thing to know.
async function showDown(count) {
  const place = document.getElementById("down");
  const isWanted = count > 0 && name() === "pools";
  place.hidden = !isWanted;
  if (!isWanted) return;
  const found = await get("/api/v1/checks", { state: "down", limit: FIRST });
  const line = (check) => {
    const user = check.users[0];
    const more = check.used_by > 1 ? ` and ${check.used_by - 1} more` : "";
    return el(
      "li",
      {},
      el("strong", { class: "mono" }, check.name),
      ` down${check.since ? ` for ${ago(check.since)}` : ""}: ${check.held ?? check.why}`,
      user ? el("span", { class: "why" }, ` – used by ${user.owner} ${user.type}${more}`) : null,
    );
  };
  const rest = found.matching - found.checks.length;
  const more = rest > 0 ? el("a", { href: "#endpoints" }, `and ${rest} more`) : null;
  place.replaceChildren(el("h2", {}, "Down now"), el("ul", {}, found.checks.map(line)), more ?? "");
}

async function follow() {
  let newest = null;
  for (;;) {
    try {
      const query = newest == null ? { limit: 0 } : { after: newest, wait: LOOK };
      newest = (await get("/api/v1/changes", query)).newest;
      if (!document.hidden) await look();
      // Much may happen at once.
      await new Promise((done) => setTimeout(done, PAUSE));
    } catch {
      await new Promise((done) => setTimeout(done, 2000));
      await look();
    }
  }
}

document.getElementById("token-open").addEventListener("click", () => {
  document.getElementById("token").value = token();
  dialog.showModal();
});
dialog.addEventListener("close", () => {
  if (dialog.returnValue === "save") setToken(document.getElementById("token").value.trim());
  if (dialog.returnValue === "forget") setToken("");
  document.getElementById("token").value = "";
  look();
});
window.addEventListener("hashchange", show);
document.addEventListener("visibilitychange", () => document.hidden || look());
show();
follow();
