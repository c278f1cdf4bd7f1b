// An example of a page. SQL has Run: in a transaction that is rolled back, so that one can try without harm.

import { useState } from "preact/hooks";
import { useAction } from "../api/action";
import { answered, client, type Schemas, session } from "../api/client";
import { Editor, useDraft } from "../parts/editor";
import { Failure } from "../parts/failure";
import { Results } from "./results";

export function Example({ language, text }: { language: string; text: string }) {
  const canRun = language === "sql" && session.value?.root;
  const [opened, setOpened] = useState(false);
  return (
    <div class="example">
      {opened ? <Trying text={text} /> : <pre>{text}</pre>}
      {canRun && !opened && (
        <button type="button" onClick={() => setOpened(true)}>
          Run
        </button>
      )}
    </div>
  );
}

function Trying({ text }: { text: string }) {
  const draft = useDraft(text);
  const sql = draft.text;
  const { busy, error, run } = useAction();
  const [trial, setTrial] = useState<Schemas["Trial"] | null>(null);

  const attempt = async () => {
    const body = { data: sql };
    const succeeded = await run(async () => setTrial((await answered(client.POST("/try", { body }))).data));
    if (!succeeded) setTrial(null);
  };

  return (
    <>
      <Editor language="sql" label="The example" draft={draft} onSubmit={() => void attempt()} />
      <div class="row actions">
        <button type="button" class="main" disabled={busy} onClick={() => void attempt()}>
          {busy ? "Running…" : "Run and roll back"}
        </button>
        <button type="button" onClick={() => draft.set(text)} disabled={sql === text}>
          As in the page
        </button>
        <span class="quiet">It runs as the login that migrations use. Nothing of it stays.</span>
      </div>
      <div aria-live="polite">
        {error && (
          <>
            <Failure error={error} />
            {error.status === 404 && (
              <p class="quiet">
                Start the service with <code>integratedb serve --preview-dsn CONNINFO</code>, the login that migrations
                use.
              </p>
            )}
          </>
        )}
        {trial && <Results trial={trial} />}
      </div>
    </>
  );
}
