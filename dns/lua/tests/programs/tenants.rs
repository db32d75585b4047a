//! Still more hostile programs, as a tenant would think of them who has read the rest of the table.

use crate::attacks::attack_all;

/// What any program may come to that spends all it has.
const SPENT: &str = "Fuel|Time|Memory";
/// The same, or an error of its own.
const SPENT_OR_ERROR: &str = "Fuel|Time|Memory|Script";

#[test]
fn strings_do_not_run_away() {
    attack_all(&[
        ("A ;local s = 'x' for i = 1, 1e9 do s = s:rep(16) end return s", "Memory|Script"),
        ("A ;return ('x'):rep(1e4):rep(1e4):rep(1e4)", "Memory|Script"),
        ("A ;return string.format('%99999d', 1)", "Script"),
        ("A ;return string.format('%.99999f', 1)", "Script"),
        (
            "A ;for i = 1, 1e9 do string.format(('%99d'):rep(300), unpack({}, 1, 250)) end",
            SPENT_OR_ERROR,
        ),
        (
            "A ;local t = {} for i = 1, 1000 do t[i] = ('x'):rep(1000) end return table.concat(t)",
            SPENT_OR_ERROR,
        ),
        (
            "A ;local s = ('x'):rep(60) local t = {} for i = 1, 1e5 do t[i] = s end return table.concat(t)",
            SPENT_OR_ERROR,
        ),
        (
            "A ;local function f(s) return (s:gsub('.', function(c) return f(c .. c) end)) end return f('xx')",
            SPENT_OR_ERROR,
        ),
        (
            "A ;local function f(s) return (s:gsub('.', function(c) return c .. c end)) end local s = 'x' while true do s = f(s) end",
            SPENT_OR_ERROR,
        ),
        ("A ;for a in ('x'):rep(20000):gmatch('.-.-.-y') do end while true do end", SPENT),
        ("A ;return os.date(('%x'):rep(20000), 2^52)", "Script|Memory|Time"),
        ("A ;for i = 1, 1e9 do os.date('*t', i) end", SPENT),
        ("A ;return os.date('%Ez %O %+ %')", "Script|BadResult"),
    ]);
}

#[test]
fn lists_do_not_run_away() {
    attack_all(&[
        ("A ;local t = {} for i = 1, 1e6 do t[i] = '192.0.2.1' end return t", SPENT),
        ("A ;return select('#', unpack({}, 1, 1e7))", "Script|Memory"),
        ("A ;local function f(...) return f(1, ...) end return f()", SPENT_OR_ERROR),
        (
            "A ;local function f(...) return select('#', ...) end while true do f(unpack({}, 1, 200)) end",
            SPENT,
        ),
        (
            "A ;for k in next, setmetatable({}, {__index = function() return 1 end}) do end while true do end",
            SPENT,
        ),
        // A table that grows while it is walked, and one that is emptied.
        (
            "A ;local t = {1} for k in pairs(t) do t[#t + 1] = k t['k' .. #t] = k end return '192.0.2.1'",
            "Fuel|Time|Memory|Script|192.0.2.1",
        ),
        (
            "A ;local t = {} for i = 1, 100 do t[i] = i end for k in pairs(t) do t[k] = nil end return '192.0.2.1'",
            "192.0.2.1",
        ),
        ("A ;for x in function() return 1 end do end", SPENT),
        (
            "A ;local t = {} for i = 1, 500 do t[i] = i end table.sort(t, function(a, b) table.insert(t, 1) return math.random() < 0.5 end)",
            "Fuel|Time|Memory|Script|NoResult",
        ),
        (
            "A ;local t = {3, 1, 2} table.sort(t, function(a, b) return table.sort(t, function() return true end) end) while true do end",
            SPENT_OR_ERROR,
        ),
        ("A ;for i = 1, 1e9 do bit32.extract(-1, 0, 32) bit.bxor(i, i, i, i) end", SPENT),
        ("A ;return bit32.extract(1, 31, 32)", "Script"),
        ("A ;return bit32.lshift(1, 2^53)", "BadResult|Script"),
    ]);
}

#[test]
fn metatables_and_errors_do_not_run_away() {
    attack_all(&[
        (
            "A ;local t = {} for i = 1, 1e9 do t = setmetatable({}, {__index = t, __newindex = t}) end t.x = 1",
            SPENT_OR_ERROR,
        ),
        ("A ;local m = {} m.__index = setmetatable(m, m) return m.x", SPENT_OR_ERROR),
        (
            "A ;error(setmetatable({}, {__tostring = function() return ('x'):rep(1e9) end}))",
            SPENT_OR_ERROR,
        ),
        (
            "A ;local e = setmetatable({}, {__tostring = function(e) error(e) end}) while true do pcall(error, e) pcall(tostring, e) end",
            SPENT,
        ),
        (
            "A ;local t = setmetatable({}, {__lt = function() while true do end end}) return t < setmetatable({}, getmetatable(t))",
            SPENT,
        ),
        (
            "A ;local t = setmetatable({}, {__len = function() while true do end end}) return #t",
            SPENT,
        ),
        (
            "A ;local t = setmetatable({}, {__iter = function() return function() return 1 end end}) for x in t do end",
            SPENT_OR_ERROR,
        ),
        ("A ;local t = setmetatable({}, {__metatable = false}) setmetatable(t, {})", "Script"),
    ]);
}

#[test]
fn what_other_luas_have_is_not_there() {
    attack_all(&[
        ("A ;while true do pcall(coroutine.wrap(function() while true do end end)) end", "Script"),
        ("A ;return string.pack('!16 i16', 1)", "Script"),
        ("A ;return string.packsize(('i16'):rep(1000))", "Script"),
        ("A ;return utf8.char(unpack({}, 1, 1e7))", "Script"),
        ("A ;return utf8.len(('x'):rep(1000))", "Script"),
        ("A ;return buffer.fill(buffer.create(1e9), 0, 1)", "Script"),
        ("A ;getfenv(pickrandom).x = 1", "Script"),
        ("A ;setfenv(pickrandom, {})", "Script"),
        ("A ;return (' '):rep(10):split(' ')", "Script"),
    ]);
}
