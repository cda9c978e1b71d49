// Translated sentences come with the page: data-t-no-data="…" is texts.noData.

export function textsOf(element) {
  return Object.fromEntries(
    Object.entries(element?.dataset ?? {})
      .filter(([key]) => /^t[A-Z]/.test(key))
      .map(([key, text]) => [key[1].toLowerCase() + key.slice(2), text]),
  );
}

// Those of the kit itself (templates/kit/texts.html).
export const texts = textsOf(document.getElementById("kit-texts"));
