// The skin would load Chart.js (200 kB) on every page. No page here uses its chart components: the
// kit draws with Plotly. This file stands in its place; the skin asks for `Chart` only to draw one.
