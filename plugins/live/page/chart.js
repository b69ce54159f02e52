// A metric's card: a line for each set of tags, and a legend that says what the cursor points at.

import {align} from "./align.js";
import {axisLabels, count, inOrder, isBytes, known, quantity} from "./format.js";

const LINES = {small: 16, big: 60}, COLOURS = 12, STALE_MS = 60_000;
const POWERS = Array.from({length: 61}, (_, i) => 2 ** i);

const shared = uPlot.sync("page"); // one cursor for all charts

function element(tag, className, text) {
    const e = document.createElement(tag);
    if (className) e.className = className;
    if (text !== undefined) e.textContent = text;
    return e;
}

const two = n => String(n).padStart(2, "0");

function clock(s, seconds) {
    const d = new Date(s * 1000);
    return `${two(d.getHours())}:${two(d.getMinutes())}` + (seconds ? ":" + two(d.getSeconds()) : "");
}

// What tells its lines apart: the tags that not all have alike.
function labels(series) {
    const keys = new Set(series.flatMap(s => Object.keys(s.tags)));
    const telling = [...keys].filter(k => series.some(s => s.tags[k] !== series[0].tags[k])).sort();
    const text = (s, k) => telling.length > 1 || /^[\d.]*$/.test(s.tags[k]) ? `${k}=${s.tags[k]}` : s.tags[k];
    return series.map(s => telling.filter(k => s.tags[k] !== undefined).map(k => text(s, k)).join("  ") || (series.length > 1 ? "(no tags)" : ""));
}

function bounds(u, min, max) {
    if (min === null || max === null) return [0, 1];
    if (min >= 0 && min < max * 0.7 || min === max && min >= 0) min = 0;
    if (max <= 0 && max > min * 0.7) max = 0;
    if (min === max) return min === 0 ? [0, 1] : [min - Math.abs(min) * 0.1, max + Math.abs(max) * 0.1];
    const pad = (max - min) * 0.08;
    return [min === 0 ? 0 : min - pad, max === 0 ? 0 : max + pad];
}

export class Chart {
    // about: {from(): ms, now(): ms, open(metric)}
    constructor(metric, model, about, big) {
        Object.assign(this, {metric, model, about, big, lines: [], all: [], cells: [], shown: false});
        this.root = element("article", big ? "chart big" : "chart");
        this.root.dataset.metric = metric.name;
        const header = element("header"), title = element("h3"), name = element("button", "", metric.name);
        name.title = big ? metric.name : `${metric.name}: enlarge`;
        name.addEventListener("click", () => about.open(metric));
        title.append(name);
        this.now = element("span", "now");
        header.append(title, this.now);
        this.plot = element("div", "plot");
        this.legend = element("ul", "legend");
        this.root.append(header, this.plot, this.legend);
        this.sizes = new ResizeObserver(() => this.resize());
        this.sizes.observe(this.plot);
    }

    remove() {
        this.hide();
        this.sizes.disconnect();
        this.root.remove();
    }

    // Which of its series are meant.
    set(series) {
        if (series.length === this.all.length && series.every((s, i) => s === this.all[i])) return;
        const named = labels(series).map((label, i) => [label, series[i]]).sort((a, b) => inOrder(a[0], b[0]));
        this.all = series;
        this.labels = named.map(n => n[0]);
        this.chosen = named.map(n => n[1]);
        if (this.shown) this.use();
    }

    show() {
        if (this.shown) return;
        this.shown = true;
        this.use();
    }

    hide() {
        if (!this.shown) return;
        this.shown = false;
        for (const s of this.lines) this.model.drop(s);
        this.lines = [];
        this.forget();
    }

    use() {
        const lines = this.chosen.slice(0, this.big ? LINES.big : LINES.small);
        for (const s of lines) this.model.use(s);
        for (const s of this.lines) this.model.drop(s);
        this.lines = lines;
        this.makeLegend();
        this.forget();
        this.draw();
    }

    forget() {
        this.u?.destroy();
        this.u = null;
    }

    makeLegend() {
        const left = this.chosen.length - this.lines.length;
        this.cells = this.lines.map(() => element("span", "value"));
        this.legend.replaceChildren(...(this.chosen.length < 2 && !this.labels[0] ? [] : this.lines.map((s, i) => {
            const li = element("li"), swatch = element("span", "swatch"), label = element("span", "label", this.labels[i]);
            swatch.style.background = `var(--l${i % COLOURS})`;
            li.title = Object.entries(s.tags).map(([k, v]) => `${k}=${v}`).join("\n");
            li.append(swatch, label, this.cells[i]);
            return li;
        })));
        if (left > 0) this.legend.append(element("li", "rest", `and ${count(left)} more: search for some of them`));
        this.alone = this.legend.childElementCount === 0;
    }

    colour(name) {
        return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    }

    make(data) {
        const axis = {stroke: this.colour("--muted"), font: "11px system-ui, sans-serif", ticks: {show: false},
            grid: {stroke: this.colour("--grid"), width: 1}};
        const unit = this.metric.unit;
        this.u = new uPlot({
            width: Math.max(100, this.plot.clientWidth), height: this.plot.clientHeight, legend: {show: false},
            padding: [8, 8, 0, 0],
            cursor: {y: false, drag: {x: false, y: false}, sync: {key: shared.key, setSeries: false}, points: {size: 7}},
            scales: {
                x: {time: true, range: () => [this.about.from() / 1000, this.about.now() / 1000]},
                y: {range: bounds},
            },
            axes: [
                {...axis, size: 24, gap: 4, space: 50, values: (u, splits, i, space, step) => splits.map(s => clock(s, step < 60)), grid: {show: false}},
                {...axis, size: 58, gap: 6, space: 32, values: (u, splits) => axisLabels(splits, unit), ...(isBytes(unit) ? {incrs: POWERS} : {})},
            ],
            series: [{}, ...this.lines.map((s, i) => {
                const stroke = this.colour(`--l${i % COLOURS}`);
                return {stroke, width: 1.35, points: {size: 4, fill: stroke}, ...(this.lines.length === 1 ? {fill: stroke + "1f"} : {})};
            })],
            hooks: {setCursor: [() => this.values()]},
        }, data, this.plot);
    }

    resize() {
        if (this.u && this.plot.clientWidth) this.u.setSize({width: this.plot.clientWidth, height: this.plot.clientHeight});
    }

    draw() {
        if (!this.shown) return;
        const data = align(this.lines, this.about.from());
        if (this.u) this.u.setData(data);
        else this.make(data);
        this.values();
    }

    restyle() {
        this.forget();
        this.draw();
    }

    // At the cursor: the last one at or before it; else the newest.
    valueOf(s, i, at) {
        if (at === null || at === undefined) return s.value;
        const column = this.u.data[i + 1];
        while (at >= 0 && column[at] === undefined) at--;
        return at >= 0 ? column[at] : null;
    }

    values() {
        const at = this.u?.cursor.left >= 0 ? this.u.cursor.idx : null, unit = this.metric.unit;
        this.cells.forEach((cell, i) => {
            const text = quantity(this.valueOf(this.lines[i], i, at), unit);
            if (cell.textContent !== text) cell.textContent = text;
        });
        this.now.textContent = this.chosen.length === 1 ? quantity(this.valueOf(this.lines[0], 0, at), unit) : known(unit);
        this.now.classList.toggle("muted", this.chosen.length !== 1);
        this.root.classList.toggle("gone", this.lines.every(s => this.about.now() - s.newest > Math.max(STALE_MS, 3 * pace(s))));
    }
}

function pace(s) {
    return s.t.length > 1 ? s.t[s.t.length - 1] - s.t[s.t.length - 2] : 0;
}
