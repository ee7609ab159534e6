// The editor of statements, on CodeMirror: loaded when it is needed.
//
// It lives in a shadow tree: there its styles are constructed sheets, which the page's policy allows; style elements it does not.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, type Completion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, StreamLanguage, syntaxHighlighting } from '@codemirror/language';
import { setDiagnostics, type Diagnostic } from '@codemirror/lint';
import { Compartment, EditorState } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';

import { columnsOf, keywords, rangeOf, tokenAt, type Mistake, type RuleEvent, type RuleFunction } from './sql';

export interface Knowledge {
  events: RuleEvent[];
  functions: RuleFunction[];
}

export interface Editor {
  set(text: string): void;
  mark(mistake: Mistake | null): void;
  know(knowledge: Knowledge): void;
  focus(): void;
  end(): void;
}

const look = EditorView.theme({
  '&': { color: 'var(--ink)', backgroundColor: 'var(--surface)', fontSize: '13.5px', borderRadius: 'var(--radius-small)' },
  '&.cm-focused': { outline: '2px solid var(--accent)', outlineOffset: '-1px' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55', maxHeight: '420px', overflow: 'auto' },
  '.cm-content, .cm-gutter': { minHeight: '170px' },
  '.cm-content': { caretColor: 'var(--ink)', padding: '10px 0' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-gutters': { backgroundColor: 'var(--sunken)', color: 'var(--ink-3)', border: 'none', borderRadius: 'var(--radius-small) 0 0 var(--radius-small)' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'color-mix(in srgb, var(--hover) 60%, transparent)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--accent-soft) !important' },
  '.cm-placeholder': { color: 'var(--ink-3)' },
  '.cm-matchingBracket': { backgroundColor: 'var(--accent-soft) !important', outline: 'none' },
  '.cm-tooltip': { backgroundColor: 'var(--surface)', color: 'var(--ink)', border: '1px solid var(--line-strong)', borderRadius: 'var(--radius-small)', boxShadow: 'var(--shadow)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', maxHeight: '260px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 10px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--accent-soft)', color: 'var(--ink)' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '700' },
  '.cm-completionDetail': { color: 'var(--ink-2)', fontStyle: 'normal' },
  '.cm-completionInfo': { padding: '9px 12px', maxWidth: '340px', fontFamily: 'var(--font)', lineHeight: '1.45' },
  '.cm-completionInfo code': { fontFamily: 'var(--mono)', fontSize: '0.92em' },
  '.cm-completionInfo p': { margin: '0 0 5px' },
  '.cm-diagnostic-error': { borderLeft: '3px solid var(--bad)' },
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--bad)', textUnderlineOffset: '3px' },
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--accent-strong)', fontWeight: '600' },
  { tag: tags.function(tags.variableName), color: 'var(--slate)' },
  { tag: tags.string, color: 'var(--moss)' },
  { tag: tags.special(tags.string), color: 'var(--bucket)', fontWeight: '500' },
  { tag: tags.number, color: 'var(--clay)' },
  { tag: tags.comment, color: 'var(--ink-3)', fontStyle: 'italic' },
]);

const names = { keyword: 'keyword', function: 'variableName.function', string: 'string', topic: 'string.special', number: 'number', comment: 'comment', operator: 'operator', name: 'variableName', space: null } as const;

function language(functions: ReadonlySet<string>) {
  return StreamLanguage.define({
    name: 'varve-rule',
    token(stream) {
      const { kind, end } = tokenAt(stream.string, stream.pos, functions);
      stream.pos = Math.max(end, stream.pos + 1);
      return names[kind];
    },
    languageData: { commentTokens: { line: '--' }, closeBrackets: { brackets: ['(', '[', "'", '"'] } },
  });
}

function reference(one: RuleFunction): Node {
  const box = document.createElement('div');
  const line = (text: string, code = false) => {
    const p = box.appendChild(document.createElement('p'));
    if (code) p.appendChild(document.createElement('code')).textContent = text;
    else text.split('`').forEach((part, i) => p.append(i % 2 === 0 ? part : Object.assign(document.createElement('code'), { textContent: part })));
  };
  line(`${one.name}(${one.parameters})`, true);
  line(one.summary);
  line(one.result === undefined ? one.example : `${one.example} → ${one.result}`, true);
  return box;
}

function completions({ events, functions }: Knowledge) {
  const known: Completion[] = [
    ...keywords.map((word) => ({ label: word, type: 'keyword', boost: -1 })),
    ...functions.map((one) => ({
      label: one.name,
      detail: `(${one.parameters})`,
      type: 'function',
      info: () => reference(one),
      apply: (view: EditorView, _: Completion, from: number, to: number) => {
        const text = `${one.name}()`;
        const inside = from + text.length - (one.args_max === 0 ? 0 : 1);
        view.dispatch({ changes: { from, to, insert: text }, selection: { anchor: inside }, userEvent: 'input.complete' });
      },
    })),
  ];
  return (context: CompletionContext): CompletionResult | null => {
    const text = context.state.doc.toString();
    // In the quotes of FROM: events. Elsewhere in texts: nothing.
    const source = context.matchBefore(/\bFROM\s+(?:"[^"]*"\s*,\s*)*"[^"]*/i);
    if (source) {
      const open = source.text.lastIndexOf('"');
      return {
        from: source.from + open + 1,
        options: events.filter((one) => one.event?.startsWith('$')).map((one) => ({ label: one.event!, detail: one.title, type: 'class' })),
        validFor: /^[^"]*$/,
      };
    }
    for (let at = 0; at < context.pos; ) {
      const { kind, end } = tokenAt(text, at);
      if (end >= context.pos && at < context.pos && ['string', 'topic', 'comment', 'number'].includes(kind)) return null;
      at = end;
    }
    const word = context.matchBefore(/[A-Za-z_]\w*/);
    if (context.matchBefore(/\.\w*/) || (!word && !context.explicit)) return null;
    const columns = columnsOf(text, events).map((label) => ({ label, type: 'property', detail: 'column', boost: 2 }));
    return { from: word?.from ?? context.pos, options: [...columns, ...known], validFor: /^\w*$/ };
  };
}

// What is typed over a selection is put in by us: the browser would keep the selection's look in a style attribute, which the policy
// refuses, and complain.
const replacing = EditorView.domEventHandlers({
  beforeinput(event, view) {
    if (event.inputType !== 'insertText' || event.data === null || view.composing || view.state.readOnly || view.state.selection.main.empty) return false;
    event.preventDefault();
    view.dispatch(view.state.replaceSelection(event.data), { userEvent: 'input.type', scrollIntoView: true });
    return true;
  },
});

export function makeEditor(host: HTMLElement, options: { text: string; label: string; readonly: boolean; onchange: (text: string) => void }): Editor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  const knowing = new Compartment();
  const build = (knowledge: Knowledge) => [
    language(new Set(knowledge.functions.map((one) => one.name))),
    autocompletion({ override: [completions(knowledge)], icons: false }),
  ];
  const view = new EditorView({
    root,
    parent: root as unknown as Element,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        lineNumbers(), history(), drawSelection(), bracketMatching(), closeBrackets(), highlightActiveLine(), EditorView.lineWrapping,
        look, syntaxHighlighting(colours), knowing.of(build({ events: [], functions: [] })),
        keymap.of([...closeBracketsKeymap, ...completionKeymap, ...defaultKeymap, ...historyKeymap]),
        placeholder('SELECT * FROM "t/#"'),
        EditorState.readOnly.of(options.readonly),
        replacing,
        EditorView.contentAttributes.of({ 'aria-label': options.label, spellcheck: 'false', autocapitalize: 'off' }),
        EditorView.updateListener.of((update) => update.docChanged && options.onchange(update.state.doc.toString())),
      ],
    }),
  });
  return {
    set(text) {
      if (text !== view.state.doc.toString()) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    mark(mistake) {
      const found: Diagnostic[] = mistake ? [{ ...rangeOf(view.state.doc.toString(), mistake), severity: 'error', message: mistake.text }] : [];
      view.dispatch(setDiagnostics(view.state, found));
    },
    know: (knowledge) => view.dispatch({ effects: knowing.reconfigure(build(knowledge)) }),
    focus: () => view.focus(),
    end: () => view.destroy(),
  };
}
