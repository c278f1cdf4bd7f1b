// The editor, in a chunk of its own: CodeMirror is larger than the rest of the console.

import { autocompletion, type CompletionSource, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { PostgreSQL, sql } from "@codemirror/lang-sql";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, forceLinting, linter, lintGutter } from "@codemirror/lint";
import { EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";

export type { CompletionSource, Diagnostic };
export type Language = "sql" | "yaml";

export interface Options {
  parent: HTMLElement;
  text: string;
  label: string;
  language: Language;
  hint: string;
  /** The names that completion of SQL offers: columns of each table, by path. */
  names: Record<string, string[]>;
  complete: CompletionSource | undefined;
  lint: ((text: string) => Diagnostic[] | Promise<Diagnostic[]>) | undefined;
  onChange: (text: string) => void;
  /** Ctrl-Enter. */
  onSubmit: () => void;
}

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: "var(--accent)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--warn)" },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: "var(--quiet)" },
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
]);

const theme = EditorView.theme({
  "&": { fontSize: "0.95em", border: "1px solid var(--line)", borderRadius: "4px", background: "var(--raised)" },
  "&.cm-focused": { outline: "2px solid var(--accent)" },
  ".cm-scroller": { fontFamily: "var(--mono)", minHeight: "var(--least, 9rem)", maxHeight: "60vh" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-placeholder": { color: "var(--quiet)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { background: "var(--sunken)", color: "var(--quiet)", border: "0" },
  ".cm-selectionBackground, &.cm-focused .cm-selectionBackground": {
    background: "color-mix(in srgb, var(--accent) 30%, transparent) !important",
  },
  ".cm-tooltip": { background: "var(--raised)", color: "var(--ink)", border: "1px solid var(--line)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { background: "var(--accent)", color: "var(--on-accent)" },
});

function languageOf(options: Options): Extension[] {
  if (options.language === "yaml") return [yaml()];
  return [sql({ dialect: PostgreSQL, schema: options.names, upperCaseKeywords: true })];
}

export function open(options: Options): EditorView {
  const extensions: Extension[] = [
    history(),
    lineNumbers(),
    drawSelection(),
    bracketMatching(),
    syntaxHighlighting(colours),
    theme,
    placeholder(options.hint),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": options.label }),
    autocompletion(options.complete ? { override: [options.complete] } : {}),
    keymap.of([
      {
        key: "Mod-Enter",
        run: () => {
          options.onSubmit();
          return true;
        },
      },
      ...completionKeymap,
      ...defaultKeymap,
      ...historyKeymap,
    ]),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) options.onChange(update.state.doc.toString());
    }),
    ...languageOf(options),
  ];
  const { lint } = options;
  if (lint)
    extensions.push(
      lintGutter(),
      linter((view) => lint(view.state.doc.toString()), { delay: 600 }),
    );
  // In a shadow tree the library constructs its style sheets. In a document it would write style elements, which the
  // Content-Security-Policy forbids.
  const root = options.parent.attachShadow({ mode: "open" });
  return new EditorView({
    root,
    parent: root,
    state: EditorState.create({ doc: options.text, extensions }),
  });
}

/** Replaces the text, as if the user had written it. */
export function replace(view: EditorView, text: string): void {
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
  forceLinting(view);
}
