// What each record chooses from, and what it chooses now.

import { ago, el, table } from "./draw.js";
import { list } from "./list.js";

function member(one, isFirst) {
  const words = `${one.in ? "up" : "out"}${one.chosen ? ", answering" : ""}`;
  const share = one.share < 1 ? ` ${Math.round(one.share * 100)} % of its share` : "";
  return [
    isFirst && one.group > 1 ? el("li", { class: "group" }, `then group ${one.group}`) : null,
    el(
      "li",
      { class: `member ${one.in ? "in" : "out"} ${one.chosen ? "chosen" : ""}` },
      el("span", { class: "mono" }, one.address),
      " ",
      el("span", { class: "badge" }, words),
      one.labels.map((label) => el("span", { class: "tag" }, ` ${label}`)),
      one.weight !== 1 ? el("span", { class: "tag" }, ` weight ${one.weight}`) : null,
      el("span", { class: "why" }, `${one.why}${share}${one.since ? `, for ${ago(one.since)}` : ""}`),
    ),
  ];
}

function row(pool) {
  // As overrides name it: the second record's, or a pool of one.
  const own = pool.number > 1 ? `/${pool.number}` : "";
  const number = pool.program > 1 || own ? `/${pool.program}${own}` : "";
  const isFirst = (at) => at === 0 || pool.members[at - 1].group !== pool.members[at].group;
  return [
    el("th", { scope: "row" }, el("span", { class: "mono" }, pool.owner), ` ${pool.type}${number}`),
    el("ul", { class: "members" }, pool.members.map((one, at) => member(one, isFirst(at)))),
  ];
}

export function pools() {
  const draw = (found) =>
    table("Pools", ["Record", "Members, in order of preference"], found.pools.map(row), "No pool matches.");
  return list({
    path: "/api/v1/pools",
    hint: "name, address or label",
    draw,
    size: (found) => found.pools.length,
  });
}
