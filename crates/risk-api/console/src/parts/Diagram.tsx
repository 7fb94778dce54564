// The states of a kind of case, drawn; where the case stands, and what may come next.
import { Graph, layout } from '@dagrejs/dagre';
import { useMemo } from 'react';
import type { Schemas } from '../api';
import { useSpeech } from '../language';

type Diagram = Schemas['CaseDiagramDto'];
type Edge = Schemas['CaseEdgeDto'];

const HEIGHT = 30;
const MARGIN = 10;

/** About how wide a text of 12 px is drawn. */
const width = (text: string) => [...text].reduce((sum, letter) => sum + (letter > '\u2e80' ? 12.5 : 6.8), 0);

interface Props {
  diagram: Diagram;
  /** Where the case stands; none where it is closed. */
  here: string | null;
  /** States that it was in. */
  past: Set<string>;
}

export function StateDiagram({ diagram, here, past }: Props) {
  const { t, code } = useSpeech();
  const drawn = useMemo(() => {
    const goal = (edge: Edge) => edge.to ?? (edge.passes_to ? `to:${edge.passes_to}` : 'closed');
    const name = (node: string) =>
      node === 'closed' ? t('case.closed') : node.startsWith('to:') ? `→ ${code('caseKind', node.slice(3))}` : code('state', node);
    const graph = new Graph();
    graph.setGraph({ rankdir: 'LR', nodesep: 14, ranksep: 46, marginx: 8, marginy: 8 });
    graph.setDefaultEdgeLabel(() => ({}));
    // Ends and what goes on elsewhere can be reached from nearly everywhere: drawn of where it stands only.
    const edges = diagram.edges.filter((edge) => edge.to || edge.from === here);
    const nodes = new Set([...diagram.states, ...edges.map(goal), ...(here ? [] : ['closed'])]);
    for (const node of nodes) graph.setNode(node, { width: width(name(node)) + 22, height: HEIGHT });
    const acts = new Map<string, { from: string; to: string; acts: Set<string> }>();
    for (const edge of edges) {
      const to = goal(edge);
      if (to === edge.from) continue;
      const key = `${edge.from} ${to}`;
      const known = acts.get(key) ?? { from: edge.from, to, acts: new Set<string>() };
      for (const act of edge.acts) known.acts.add(act);
      acts.set(key, known);
      graph.setEdge(edge.from, to);
    }
    layout(graph);
    return { graph, nodes: [...nodes], edges: [...acts.values()], name };
  }, [diagram, here, t, code]);
  const { graph } = drawn;
  // The layout's own size leaves out where edges bend.
  const bends = drawn.edges.flatMap((edge) => (graph.edge(edge.from, edge.to) as { points: { x: number; y: number }[] }).points);
  const boxes = drawn.nodes.map((node) => graph.node(node) as { x: number; y: number; width: number });
  const xs = [...bends.map((at) => at.x), ...boxes.flatMap((at) => [at.x - at.width / 2, at.x + at.width / 2])];
  const ys = [...bends.map((at) => at.y), ...boxes.flatMap((at) => [at.y - HEIGHT / 2, at.y + HEIGHT / 2])];
  const [left, top] = [Math.min(...xs) - MARGIN, Math.min(...ys) - MARGIN];
  const size = { width: Math.max(...xs) + MARGIN - left, height: Math.max(...ys) + MARGIN - top };
  const told = (act: string) => (act.startsWith('lapsed:') ? t('case.lapsed', { term: code('term', act.slice(7)) }) : code('act', act) === act ? code('found', act) : code('act', act));
  return (
    <div className="diagram" tabIndex={0} role="region" aria-label={t('case.diagram')}>
      <svg
        width={size.width}
        height={size.height}
        viewBox={`${left} ${top} ${size.width} ${size.height}`}
        role="img"
        aria-label={here ? t('case.stands', { state: code('state', here) }) : t('case.closed')}
      >
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
            <path d="M0 0 8 4 0 8z" fill="context-stroke" />
          </marker>
        </defs>
        {drawn.edges.map((edge) => {
          const points = (graph.edge(edge.from, edge.to) as { points: { x: number; y: number }[] }).points;
          const path = points.map((point, place) => `${place ? 'L' : 'M'}${point.x.toFixed(1)} ${point.y.toFixed(1)}`).join('');
          const acts = [...edge.acts].map(told).join('、');
          return (
            <g key={`${edge.from} ${edge.to}`} className={edge.from === here ? 'edge next' : 'edge'}>
              <title>{`${drawn.name(edge.from)} → ${drawn.name(edge.to)}: ${acts}`}</title>
              <path d={path} markerEnd="url(#arrow)" />
            </g>
          );
        })}
        {drawn.nodes.map((node) => {
          const at = graph.node(node) as { x: number; y: number; width: number };
          const kind = node === (here ?? 'closed') ? 'state here' : past.has(node) ? 'state past' : 'state';
          return (
            <g key={node} className={kind} transform={`translate(${at.x - at.width / 2} ${at.y - HEIGHT / 2})`}>
              <rect width={at.width} height={HEIGHT} rx={6} />
              <text x={at.width / 2} y={HEIGHT / 2 + 4} textAnchor="middle">
                {drawn.name(node)}
              </text>
            </g>
          );
        })}
      </svg>
    </div>
  );
}
