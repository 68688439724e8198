// SPDX-License-Identifier: Apache-2.0
// This machine, the peers around it, and what the paths to them are like.
import { h } from './tree.js'
import { count, millis, peerName, rate, shortened } from './words.js'

const WIDE = 620
const BOX = { width: 208, height: 62, gap: 14 }
// More would be no picture any more; the tables have all of them.
const MOST = 12
// On a box, at the size that its texts have.
const NAME_LETTERS = 18

const SILENT = 'silent'
const FAILED = 'failed'
// A path of a kind that this page does not know.
const OTHER = 'other'

/** Peers by key: those that are connected, and those that the configuration names. */
function peersOf (state) {
  const out = new Map()
  const peer = (one) => {
    const key = String(one.peer ?? one.key)
    if (!out.has(key)) out.set(key, { key, name: peerName(one), incoming: false, path: null, rtt: 0, to: 0, from: 0, connections: 0, state: null })
    return out.get(key)
  }
  const met = (one) => {
    const of = peer(one)
    of.incoming = of.incoming || one.direction === 'in'
    of.path = one.path || of.path
    of.rtt = one.rttMillis ?? of.rtt
    return of
  }
  for (const one of state.sessions) {
    const of = met(one)
    of.to += Number(one.rateToPeer) || 0
    of.from += Number(one.rateFromPeer) || 0
    if (one.silentSeconds >= 3) of.state = SILENT
  }
  for (const one of state.connections) (one.session === null || one.session === undefined ? met(one) : peer(one)).connections++
  for (const network of state.networks) {
    for (const one of network.peers) {
      const of = peer(one)
      if (of.path === null && one.path) Object.assign(of, { path: one.path, rtt: one.rttMillis })
      if (one.problem) of.state ??= FAILED
    }
  }
  for (const one of [...state.connects, ...state.reverses, ...state.socks.filter((one) => one.peer)]) {
    const of = peer(one)
    if (of.path === null && one.lastFailure) of.state ??= FAILED
  }
  return [...out.values()].sort((a, b) => (a.path === null) - (b.path === null) || b.incoming - a.incoming || a.name.localeCompare(b.name) || a.key.localeCompare(b.key))
}

function kindOf (peer) {
  if (peer.state === SILENT) return SILENT
  if (peer.path === 'lan' || peer.path === 'relayed' || peer.path === 'direct') return peer.path
  if (peer.path !== null) return OTHER
  return peer.state === FAILED ? FAILED : 'idle'
}

const KIND_WORDS = { direct: 'direct', lan: 'lan', relayed: 'relayed', silent: 'does not answer', failed: 'not reached', idle: 'not connected' }

function pathText (peer) {
  const kind = kindOf(peer)
  const words = kind === OTHER ? shortened(peer.path, NAME_LETTERS) : KIND_WORDS[kind]
  return peer.path === null || kind === SILENT ? words : `${words}, ${millis(peer.rtt)}`
}

function rateText (peer) {
  if (peer.path === null) return ''
  if (peer.to < 1 && peer.from < 1) return peer.connections ? 'quiet' : 'no connections'
  return `↓ ${rate(peer.from)}  ↑ ${rate(peer.to)}`
}

// From a kilobyte a second on, half as wide again for ten times as much.
const lineWidth = (bytes) => Math.min(5, 1.5 + 0.75 * Math.log10(1 + bytes / 1000))

function line (peer, path, middle) {
  const kind = kindOf(peer)
  const flows = peer.path !== null && kind !== SILENT && (peer.to >= 1 || peer.from >= 1)
  return h('g', { key: `line ${peer.key}`, class: `line ${kind}` },
    h('path', { class: 'way', d: path, 'stroke-width': lineWidth(peer.to + peer.from).toFixed(1) }),
    flows ? h('path', { key: 'flow', class: peer.from > peer.to ? 'flow inwards' : 'flow', d: path }) : null,
    kind === 'relayed' ? h('path', { key: 'relay', class: 'relay', d: `M${middle.x} ${middle.y - 7}l7 7-7 7-7-7z` }) : null)
}

function box (peer, x, y, width) {
  const kind = kindOf(peer)
  const rates = rateText(peer)
  // An svg of its own cuts off what is wider.
  return h('svg', { key: `box ${peer.key}`, class: `peer ${kind}`, x, y, width, height: BOX.height },
    h('rect', { x: 1, y: 1, width: width - 2, height: BOX.height - 2, rx: 10 }),
    h('circle', { class: 'dot', cx: 16, cy: 19, r: 4.5 }),
    h('text', { class: 'name', x: 28, y: 23.5 }, shortened(peer.name, NAME_LETTERS)),
    h('text', { class: 'detail', x: 28, y: rates ? 39 : 44 }, pathText(peer)),
    h('text', { class: 'detail rates', x: 28, y: 54 }, rates))
}

function machine (x, y) {
  return h('g', { key: 'machine', class: 'machine', transform: `translate(${x} ${y})` },
    h('circle', { r: 34 }),
    h('path', { d: 'M-12-11h24v15h-24zM-6 10H6M0 4v6' }),
    h('text', { y: 52, 'text-anchor': 'middle' }, 'this machine'))
}

/** This machine in the middle, peers on both sides. */
function wide (peers, width) {
  const right = peers.length === 1 ? peers : peers.filter((_, i) => i % 2 === 0)
  const left = peers.length === 1 ? [] : peers.filter((_, i) => i % 2 === 1)
  const rows = Math.max(left.length, right.length)
  const step = BOX.height + BOX.gap
  const height = Math.max(rows * step - BOX.gap, 132) + 8
  const centre = { x: width / 2, y: height / 2 }
  const lines = []
  const boxes = []
  const place = (side, x, edge, way) => side.forEach((peer, i) => {
    const y = (height - (side.length * step - BOX.gap)) / 2 + i * step
    const to = { x: edge, y: y + BOX.height / 2 }
    const from = { x: centre.x + way * 34, y: centre.y }
    const bend = (to.x + from.x) / 2
    lines.push(line(peer, `M${from.x} ${from.y}C${bend} ${from.y} ${bend} ${to.y} ${to.x} ${to.y}`, { x: bend, y: (from.y + to.y) / 2 }))
    boxes.push(box(peer, x, y, BOX.width))
  })
  place(left, 1, BOX.width + 1, -1)
  place(right, width - BOX.width - 1, width - BOX.width - 1, 1)
  return { height, parts: [lines, boxes, machine(centre.x, centre.y)] }
}

/** This machine above, peers below each other. */
function narrow (peers, width) {
  const top = 100
  const spine = 36
  const indent = 68
  const step = BOX.height + BOX.gap
  const lines = []
  const boxes = []
  peers.forEach((peer, i) => {
    const y = top + i * step
    const middle = y + BOX.height / 2
    lines.push(line(peer, `M${spine} 70V${middle - 12}Q${spine} ${middle} ${spine + 12} ${middle}H${indent}`, { x: (spine + indent) / 2 + 4, y: middle }))
    boxes.push(box(peer, indent, y, width - indent - 1))
  })
  // What is near lies above what goes on to others.
  return { height: top + peers.length * step - BOX.gap + 2, parts: [lines.reverse(), boxes, h('g', { key: 'machine', class: 'machine', transform: 'translate(36 36)' }, h('circle', { r: 34 }), h('path', { d: 'M-12-11h24v15h-24zM-6 10H6M0 4v6' }), h('text', { x: 46, y: 5 }, 'this machine'))] }
}

function legend (peers) {
  const kinds = new Set(peers.map(kindOf))
  return h('ul', { class: 'legend', 'aria-hidden': 'true' }, Object.keys(KIND_WORDS).filter((kind) => kinds.has(kind)).map((kind) =>
    h('li', { key: kind }, h('svg', { class: `line ${kind}`, width: 30, height: 14, viewBox: '0 0 30 14' },
      h('path', { class: 'way', d: 'M1 7h28', 'stroke-width': 2 }), kind === 'relayed' ? h('path', { class: 'relay', d: 'M15 1l6 6-6 6-6-6z' }) : null), KIND_WORDS[kind])))
}

export function pictureView (state, width) {
  const peers = peersOf(state)
  if (peers.length === 0) return h('p', { class: 'empty' }, 'No peer is connected, and the configuration names none.')
  const shown = peers.slice(0, MOST)
  const { height, parts } = width >= WIDE ? wide(shown, width) : narrow(shown, width)
  const told = shown.map((peer) => `${peer.name}: ${pathText(peer)}${peer.path === null ? '' : `, ${rate(peer.from)} from it, ${rate(peer.to)} to it`}`).join('; ')
  return [
    h('svg', { key: 'picture', role: 'img', 'aria-label': `This machine and ${count(peers.length, 'peer')}. ${told}`, width, height, viewBox: `0 0 ${width} ${height}` }, parts),
    legend(shown),
    peers.length > MOST ? h('p', { class: 'aside' }, `${peers.length - MOST} more, below under Sessions and Connections.`) : null
  ]
}
