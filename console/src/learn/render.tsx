// Turns the data of a page into elements. HTML in a page is shown as text, so that nothing stored is ever executed.

import type { ComponentChildren } from "preact";
import { Scroll } from "../parts/scroll";
import { link } from "../routing";
import { Example } from "./example";
import { idOf, type Token, type Tokens, target } from "./markdown";

export function Blocks({ tokens, page }: { tokens: readonly Token[]; page: string }) {
  return <>{tokens.map((token, index) => block(token, index, page))}</>;
}

function block(token: Token, key: number, page: string): ComponentChildren {
  switch (token.type) {
    case "heading": {
      const Heading = `h${Math.min(token.depth, 6)}` as "h1";
      return (
        <Heading key={key} id={idOf(token.text)}>
          {inline(token.tokens, page)}
        </Heading>
      );
    }
    case "paragraph":
      return <p key={key}>{inline(token.tokens, page)}</p>;
    case "text":
      return <span key={key}>{token.tokens ? inline(token.tokens, page) : decoded(token.text)}</span>;
    case "code":
      return <Example key={key} language={token.lang ?? ""} text={token.text} />;
    case "list":
      return list(token as Tokens.List, key, page);
    case "table":
      return table(token as Tokens.Table, key, page);
    case "blockquote":
      return (
        <blockquote key={key}>
          <Blocks tokens={token.tokens ?? []} page={page} />
        </blockquote>
      );
    case "hr":
      return <hr key={key} />;
    case "space":
    case "def":
      return null;
    case "html":
      return /^\s*<!--/.test(token.text) ? null : <p key={key}>{token.text}</p>;
    default:
      return <p key={key}>{token.raw}</p>;
  }
}

function list(token: Tokens.List, key: number, page: string) {
  const items = token.items.map((item, index) => (
    <li key={index}>
      <Blocks tokens={item.tokens} page={page} />
    </li>
  ));
  return token.ordered ? <ol key={key}>{items}</ol> : <ul key={key}>{items}</ul>;
}

function table(token: Tokens.Table, key: number, page: string) {
  return (
    <Scroll key={key} label={token.header.map((cell) => cell.text).join(", ") || "Table"}>
      <table>
        <thead>
          <tr>
            {token.header.map((cell, index) => (
              <th key={index}>{inline(cell.tokens, page)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((row, place) => (
            <tr key={place}>
              {row.map((cell, index) => (
                <td key={index}>{inline(cell.tokens, page)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function inline(tokens: readonly Token[] | undefined, page: string): ComponentChildren {
  return (tokens ?? []).map((token, key) => {
    switch (token.type) {
      case "strong":
        return <strong key={key}>{inline(token.tokens, page)}</strong>;
      case "em":
        return <em key={key}>{inline(token.tokens, page)}</em>;
      case "del":
        return <del key={key}>{inline(token.tokens, page)}</del>;
      case "codespan":
        return <code key={key}>{decoded(token.text)}</code>;
      case "br":
        return <br key={key} />;
      case "link":
        return (
          <Link key={key} href={token.href} page={page}>
            {inline(token.tokens, page)}
          </Link>
        );
      case "image":
        return <em key={key}>{token.text}</em>;
      case "escape":
        return token.text;
      case "text":
        return token.tokens ? inline(token.tokens, page) : decoded(token.text);
      default:
        return token.raw;
    }
  });
}

function Link({ href, page, children }: { href: string; page: string; children: ComponentChildren }) {
  const found = target(href, page);
  if (found) {
    return <a href={`${link("learn", {}, found.page)}${found.section ? `#${found.section}` : ""}`}>{children}</a>;
  }
  if (!/^https?:\/\//i.test(href)) return <>{children}</>; // what only the repository has
  return (
    <a href={href} target="_blank" rel="noreferrer noopener">
      {children}
    </a>
  );
}

const NAMED: Record<string, string> = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'" };

/** The lexer escapes for HTML, which elements do by themselves. */
function decoded(text: string): string {
  return text.replaceAll(/&(?:amp|lt|gt|quot|#39);/g, (entity) => NAMED[entity] ?? entity);
}
