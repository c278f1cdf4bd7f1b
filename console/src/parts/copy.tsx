// A button that copies a text, and says what to do where the browser does not let it.

import { useEffect, useState } from "preact/hooks";

const REFUSED = "The browser copies only over HTTPS: select the text and press Ctrl-C";

export function Copy({ text, label = "Copy", name }: { text: string; label?: string; name?: string }) {
  const [said, setSaid] = useState<string | null>(null);
  useEffect(() => setSaid(null), [text]);
  async function copy() {
    try {
      // Outside of HTTPS and localhost, the browser has no clipboard at all.
      await navigator.clipboard.writeText(text);
      setSaid("Copied");
    } catch {
      setSaid(REFUSED);
    }
  }
  return (
    <button type="button" aria-label={said === null ? name : undefined} onClick={() => void copy()}>
      {said ?? label}
    </button>
  );
}
