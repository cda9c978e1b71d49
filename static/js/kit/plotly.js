// Plotly, fetched once and only by pages that draw: it is the heaviest file of the portal.

let asked = null;

export function plotly() {
  asked ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.getElementById("kit-texts").dataset.plotly;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      asked = null;
      reject(new Error("module script failed: plotly"));
    };
    document.head.append(script);
  });
  return asked;
}
