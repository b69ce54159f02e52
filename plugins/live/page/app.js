// The page: puts its parts together, and draws at most a few times a second.

import {Connection} from "./connection.js";
import {count} from "./format.js";
import {Groups} from "./groups.js";
import {Health} from "./health.js";
import {Model} from "./model.js";
import {query} from "./search.js";
import {linkTo, readView, writeView} from "./view.js";

const DRAW_MS = 250, HEALTH_MS = 2000;
const $ = id => document.getElementById(id);

const model = new Model();
let view = readView();
let skew = 0; // of the server's clock
let pausedAt = 0;
let status = null, connection = "";
let drawn = 0, told = 0, version = -1, pending = false;

const about = {
    now: () => pausedAt || Date.now() + skew,
    // Not from before there was anything: so the first minute fills the charts.
    from: () => Math.max(about.now() - view.span * 1000, Math.min(model.oldest, about.now() - 60_000)),
    open: metric => {
        view.metric = view.metric === metric.name ? "" : metric.name;
        change(true);
        scrollTo(0, 0);
    },
    linkBack: () => linkTo({...view, metric: ""}),
    refresh: () => {
        version = -1;
        draw();
    },
};
const groups = new Groups(model, about, $("groups"), $("charts"));
const health = new Health(model, $("health-toggle"), $("health-more"));

function draw() {
    pending = false;
    if (document.hidden) return;
    if (version !== model.version) {
        version = model.version;
        groups.update(query(view.q), view.metric);
    }
    groups.draw();
    drawn = performance.now();
    if (drawn - told < HEALTH_MS) return;
    told = drawn;
    health.draw();
}

function drawSoon() {
    if (pending || document.hidden || pausedAt) return;
    pending = true;
    setTimeout(() => requestAnimationFrame(draw), Math.max(0, DRAW_MS - (performance.now() - drawn)));
}

// Something else is looked at.
function change(step) {
    writeView(view, step);
    show();
}

function show() {
    if ($("search").value !== view.q) $("search").value = view.q;
    for (const b of $("span").children) b.setAttribute("aria-pressed", String(Number(b.dataset.span) === view.span));
    document.title = view.metric ? `${view.metric} – Garnet` : status ? `Garnet – ${status.host}` : "Garnet";
    about.refresh();
}

// --- what is to be known at once ---

function notice(list, text, bad) {
    const p = document.createElement("p");
    p.textContent = text;
    if (bad) p.className = "bad";
    list.push(p);
}

function tellNotices() {
    const list = [];
    if (connection === "lost") notice(list, "Garnet does not answer: trying again. What is shown is what came before.", true);
    if (connection === "full") notice(list, "As many pages are open as the sink’s max_clients allows: close one, or raise it. Trying again.", true);
    if (status?.full) notice(list, `The page has ${count(status.max)} series, which is max_series. Metrics of others are left out: ${count(status.left_out)} so far. Raise max_series, or choose by “only” and “drop”.`);
    if (status?.shortened) notice(list, "Some series come so often that less than ten minutes of them is kept.");
    $("notices").replaceChildren(...list);
}

function setStatus(s) {
    status = s;
    skew = s.now - Date.now();
    if (Math.abs(skew) < 300) skew = 0;
    $("host").textContent = s.host;
    document.title = view.metric ? `${view.metric} – Garnet` : `Garnet – ${s.host}`;
    tellNotices();
}

const stream = new Connection({
    list: series => {
        model.replace(series);
        told = 0;
        drawSoon();
    },
    event: e => {
        model.apply(e);
        drawSoon();
    },
    status: setStatus,
    state: s => {
        if (s === connection) return;
        connection = s;
        document.body.dataset.connection = s;
        tellNotices();
    },
});
model.onPoints = () => {
    if (told) told = Math.min(told, performance.now() - HEALTH_MS + DRAW_MS);
    if (pausedAt) draw();
    else drawSoon();
};

// --- controls ---

function pause(on) {
    pausedAt = on ? Date.now() + skew : 0;
    $("pause").setAttribute("aria-pressed", String(on));
    $("pause").title = on ? "Go on (space)" : "Pause (space)";
    stream.want(!on);
    drawSoon();
}

function toast(text) {
    const p = document.createElement("div");
    p.className = "toast";
    p.setAttribute("role", "status");
    p.textContent = text;
    document.body.append(p);
    setTimeout(() => p.remove(), 2000);
}

async function copyLink() {
    try {
        await navigator.clipboard.writeText(location.href);
        toast("The link is copied");
    } catch {
        toast("Copy the address of this page: it keeps the view");
    }
}

function switchTheme() {
    const root = document.documentElement, dark = getComputedStyle(root).colorScheme === "dark";
    root.dataset.theme = dark ? "light" : "dark";
    try {
        localStorage.setItem("theme", root.dataset.theme);
    } catch {
        // It lasts as long as this page.
    }
    groups.restyle();
}

$("search").addEventListener("input", () => {
    view.q = $("search").value;
    if (view.metric) view.metric = "";
    change(false);
});
$("span").addEventListener("click", e => {
    const b = e.target.closest("button");
    if (!b) return;
    view.span = Number(b.dataset.span);
    change(false);
});
$("pause").addEventListener("click", () => pause(!pausedAt));
$("link").addEventListener("click", copyLink);
$("theme").addEventListener("click", switchTheme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => groups.restyle());
addEventListener("hashchange", () => {
    view = readView();
    show();
});
addEventListener("popstate", () => {
    view = readView();
    show();
});
addEventListener("keydown", e => {
    const typing = e.target.closest("input");
    if (e.key === "/" && !typing) {
        e.preventDefault();
        $("search").focus();
    } else if (e.key === "Escape") {
        if (typing) typing.blur();
        else if (view.metric) about.open({name: view.metric});
    } else if (e.key === " " && !e.target.closest("input, button, a")) {
        e.preventDefault();
        pause(!pausedAt);
    }
});
document.addEventListener("visibilitychange", () => drawSoon());
setInterval(drawSoon, 1000);

show();
stream.want(true);
