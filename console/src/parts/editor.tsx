// An editor with highlighting, completion and faults in place; a plain text area until its code has loaded.

import type { EditorView } from "@codemirror/view";
import { useEffect, useRef, useState } from "preact/hooks";
import type { CompletionSource, Diagnostic, Language } from "./codemirror";

/**
 * A text that is edited. Only a new revision writes into the editor: what its user types comes back from the state a
 * moment late, when it may be older than what stands there.
 */
export interface Draft {
  text: string;
  revision: number;
  /** What the user has written. */
  written: (text: string) => void;
  /** Writes another text into the editor. */
  set: (text: string) => void;
}

export function useDraft(first: string): Draft {
  const [{ text, revision }, setState] = useState({ text: first, revision: 0 });
  return {
    text,
    revision,
    written: (changed) => setState((before) => ({ ...before, text: changed })),
    set: (changed) => setState((before) => ({ text: changed, revision: before.revision + 1 })),
  };
}

interface Props {
  draft: Draft;
  onSubmit?: () => void;
  label: string;
  language: Language;
  hint?: string;
  names?: Record<string, string[]>;
  complete?: CompletionSource;
  lint?: (text: string) => Diagnostic[] | Promise<Diagnostic[]>;
}

export function Editor(props: Props) {
  const parent = useRef<HTMLDivElement>(null);
  const latest = useRef(props);
  latest.current = props;
  const view = useRef<{ editor: EditorView; replace: (view: EditorView, text: string) => void } | null>(null);
  const [ready, setReady] = useState(false);

  useEffect(() => {
    let current = true;
    void import("./codemirror").then(({ open, replace }) => {
      if (!current || !parent.current) return;
      const { label, language, hint = "", names = {}, lint } = latest.current;
      const editor = open({
        parent: parent.current,
        text: latest.current.draft.text,
        label,
        language,
        hint,
        names,
        complete: latest.current.complete && ((context) => latest.current.complete?.(context) ?? null),
        lint: lint && ((text) => latest.current.lint?.(text) ?? []),
        onChange: (text) => latest.current.draft.written(text),
        onSubmit: () => latest.current.onSubmit?.(),
      });
      view.current = { editor, replace };
      // Whoever is already writing into the text area goes on in the editor.
      if (document.activeElement?.closest(".editor") === parent.current.parentElement) editor.focus();
      setReady(true);
    });
    return () => {
      current = false;
      view.current?.editor.destroy();
      view.current = null;
    };
  }, []);

  useEffect(() => {
    const shown = view.current;
    if (shown) shown.replace(shown.editor, props.draft.text);
  }, [props.draft.revision]);

  return (
    <div class="editor">
      <div ref={parent} hidden={!ready} />
      {!ready && (
        <textarea
          aria-label={props.label}
          placeholder={props.hint}
          rows={8}
          spellcheck={false}
          value={props.draft.text}
          onInput={(event) => props.draft.written(event.currentTarget.value)}
        />
      )}
    </div>
  );
}
