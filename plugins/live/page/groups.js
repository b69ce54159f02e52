// The charts in their groups: a name's first word is its group. A card is a chart only while it is near the window.

import {Chart} from "./chart.js";
import {count, inOrder} from "./format.js";

const AT_FIRST = 48; // charts of a group

function element(tag, className, text) {
    const e = document.createElement(tag);
    if (className) e.className = className;
    if (text !== undefined) e.textContent = text;
    return e;
}

export class Groups {
    constructor(model, about, nav, main) {
        Object.assign(this, {model, about, nav, main, groups: new Map(), big: null});
        this.ranks = new Map(); // by the metric's key
        this.watcher = new IntersectionObserver(entries => {
            for (const e of entries) e.isIntersecting ? e.target.chart.show() : e.target.chart.hide();
        }, {rootMargin: "400px"});
    }

    // matches: which series are meant; null: all.
    update(matches, metricName) {
        if (metricName) return this.enlarge(metricName, matches);
        this.shrink();
        const chosen = new Map(); // group -> [metric, series]
        for (const m of this.model.metrics.values()) {
            const series = matches ? [...m.series].filter(matches) : [...m.series];
            if (!series.length) continue;
            const name = m.name.split(".", 1)[0];
            if (!chosen.has(name)) chosen.set(name, []);
            chosen.get(name).push([m, series]);
        }
        // Garnet's own last: they tell of the road, not of the host.
        const names = [...chosen.keys()].sort((a, b) => (a === "garnet") - (b === "garnet") || inOrder(a, b));
        for (const [name, g] of this.groups) if (!chosen.has(name)) this.removeGroup(name, g);
        names.forEach((name, i) => this.place(name, chosen.get(name), i));
        this.nav.replaceChildren(...names.length > 1 ? names.map(name => this.link(name, chosen.get(name).length)) : []);
        this.sayEmpty(!names.length, matches);
    }

    sayEmpty(empty, matches) {
        this.nothing?.remove();
        this.nothing = null;
        if (!empty) return;
        this.nothing = element("p", "empty");
        this.nothing.append(element("strong", "", matches ? "Nothing is called so" : "No metric yet"),
            matches ? "No name or tag of the last ten minutes has that in it." : "What comes shows up here at once.");
        this.main.append(this.nothing);
    }

    link(name, n) {
        const a = element("a");
        a.append(element("span", "", name || "(no name)"), element("span", "", count(n)));
        a.href = "#";
        a.addEventListener("click", e => {
            e.preventDefault();
            this.groups.get(name)?.root.scrollIntoView({behavior: "smooth"});
        });
        return a;
    }

    place(name, metrics, at) {
        let g = this.groups.get(name);
        if (!g) {
            g = {root: element("section", "group"), title: element("h2"), grid: element("div", "grid"), more: element("button", "more-charts"), charts: new Map(), most: AT_FIRST};
            g.more.addEventListener("click", () => {
                g.most *= 4;
                this.about.refresh();
            });
            g.root.append(g.title, g.grid);
            this.groups.set(name, g);
        }
        if (this.main.children[at] !== g.root) this.main.insertBefore(g.root, this.main.children[at] ?? null);
        metrics.sort((a, b) => this.rank(a) - this.rank(b) || inOrder(a[0].name, b[0].name));
        const n = metrics.reduce((sum, [, series]) => sum + series.length, 0);
        g.title.replaceChildren(name || "(no name)", element("span", "muted", `${count(metrics.length)} metric${metrics.length > 1 ? "s" : ""}, ${count(n)} series`));
        this.fill(g, metrics.slice(0, g.most));
        const left = metrics.length - g.most;
        if (left > 0) {
            g.more.textContent = `Show more: ${count(left)} are left`;
            g.root.append(g.more);
        } else g.more.remove();
    }

    // What stood at 0 when it was first seen comes last, and what has more words in its name after what has fewer.
    rank([m, series]) {
        if (!this.ranks.has(m.key)) this.ranks.set(m.key, series.every(s => s.value === 0) ? 1000 : m.name.split(".").length);
        return this.ranks.get(m.key);
    }

    fill(g, metrics) {
        const keys = new Set(metrics.map(([m]) => m.key));
        for (const [key, chart] of g.charts) if (!keys.has(key)) this.removeChart(g, key, chart);
        metrics.forEach(([m, series], i) => {
            let chart = g.charts.get(m.key);
            if (!chart) {
                chart = new Chart(m, this.model, this.about, false);
                chart.root.chart = chart;
                g.charts.set(m.key, chart);
                chart.set(series);
                g.grid.insertBefore(chart.root, g.grid.children[i] ?? null);
                this.watcher.observe(chart.root);
            } else {
                chart.set(series);
                if (g.grid.children[i] !== chart.root) g.grid.insertBefore(chart.root, g.grid.children[i] ?? null);
            }
        });
    }

    removeChart(g, key, chart) {
        this.watcher.unobserve(chart.root);
        chart.remove();
        g.charts.delete(key);
    }

    removeGroup(name, g) {
        for (const [key, chart] of g.charts) this.removeChart(g, key, chart);
        g.root.remove();
        this.groups.delete(name);
    }

    // One metric alone, large; of those with its name the first.
    enlarge(name, matches) {
        const metric = [...this.model.metrics.values()].find(m => m.name === name);
        for (const [group, g] of this.groups) this.removeGroup(group, g);
        this.nav.replaceChildren();
        if (this.big?.metric.name !== name || !metric) this.shrink();
        this.sayEmpty(!metric, true);
        if (!metric) return;
        const all = [...metric.series], some = matches ? all.filter(matches) : all;
        if (!this.big) {
            const back = element("a", "back", "← All metrics");
            back.href = this.about.linkBack();
            this.big = new Chart(metric, this.model, this.about, true);
            this.back = back;
            this.main.append(back, this.big.root);
        }
        this.big.set(some.length ? some : all);
        this.big.show();
    }

    shrink() {
        this.big?.remove();
        this.back?.remove();
        this.big = this.back = null;
    }

    *all() {
        if (this.big) yield this.big;
        for (const g of this.groups.values()) yield* g.charts.values();
    }

    draw() {
        for (const chart of this.all()) chart.draw();
    }

    restyle() {
        for (const chart of this.all()) if (chart.shown) chart.restyle();
    }
}
