// Plotly, fetched once and only by pages that draw: it is the heaviest file of the portal.

let asked = null;

export function plotly() {
  asked ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.getElementById("kit-texts").dataset.plotly;
    script.onload = () => {
      const language = document.documentElement.lang || "en";
      if (language !== "en") window.Plotly.register(locale(language));
      resolve(window.Plotly);
    };
    script.onerror = () => {
      asked = null;
      reject(new Error("module script failed: plotly"));
    };
    document.head.append(script);
  });
  return asked;
}

const CODES = { year: "%Y", month: "%b", day: "%-d" };
const DAY_MS = 86_400_000;

// Plotly brings English only; the browser knows how every language writes a date.
function locale(name) {
  const dates = (options) => new Intl.DateTimeFormat(name, { timeZone: "UTC", ...options });
  // 1970 began on a Thursday: its fourth day was a Sunday.
  const days = (weekday) => Array.from({ length: 7 }, (_, i) => dates({ weekday }).format((3 + i) * DAY_MS));
  const months = (month) => Array.from({ length: 12 }, (_, i) => dates({ month }).format(Date.UTC(1970, i)));
  const pattern = (options) => dates(options).formatToParts(0).map(({ type, value }) => CODES[type] ?? value).join("");
  const year = "numeric";
  const month = "short";
  const day = "numeric";
  return {
    moduleType: "locale",
    name,
    dictionary: {},
    format: {
      days: days("long"), shortDays: days("short"), months: months("long"), shortMonths: months("short"),
      year: pattern({ year }), month: pattern({ year, month }), dayMonth: pattern({ month, day }), dayMonthYear: pattern({ year, month, day }),
    },
  };
}
