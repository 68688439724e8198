// SPDX-License-Identifier: Apache-2.0
// Tunnels, sessions and connections, row by row.
import { h } from './tree.js'
import { count, drops, millis, moment, peerName, printable, rate, shortKey, size, span } from './words.js'

// As many rows are there without asking.
const SHOWN = 25

const bdi = (text) => h('bdi', null, text)
const mono = (text) => h('bdi', { class: 'mono' }, printable(text))
const badge = (kind, text) => h('span', { class: `badge ${kind}` }, text)
const time = (since, seconds) => since ? h('time', { datetime: printable(since), title: `since ${moment(since)}` }, span(seconds)) : span(seconds)

/**
 * A table that becomes a card for each row where it is narrow. Columns: [title, cell(row), right]; the first one
 * names the row. `below(row)`: what does not go into columns.
 */
function table (name, label, columns, rows, { below = () => null, keyOf, unfolded, unfold }) {
  const shown = unfolded.has(name) ? rows : rows.slice(0, SHOWN)
  const line = (row, i) => {
    const more = below(row)
    const key = keyOf(row, i)
    return [
      h('tr', { key, role: 'row', class: more ? 'has-more' : null }, columns.map(([title, cell, right], at) =>
        h(at === 0 ? 'th' : 'td', { role: at === 0 ? 'rowheader' : 'cell', scope: at === 0 ? 'row' : null, class: right ? 'right' : null, 'data-title': title },
          h('span', { class: 'value' }, cell(row))))),
      more ? h('tr', { key: `${key} more`, role: 'row', class: 'more-row' }, h('td', { role: 'cell', colspan: columns.length }, more)) : null
    ]
  }
  return h('div', { class: 'card table', key: name },
    h('table', { role: 'table', 'aria-label': label },
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, columns.map(([title, , right]) => h('th', { role: 'columnheader', scope: 'col', class: right ? 'right' : null }, title)))),
      h('tbody', { role: 'rowgroup' }, shown.map(line))),
    rows.length <= SHOWN
      ? null
      : h('button', { type: 'button', class: 'more', 'aria-expanded': String(unfolded.has(name)), on: { click: () => unfold(name) } }, unfolded.has(name) ? 'Show fewer' : `Show all ${rows.length.toLocaleString('en')}`))
}

const bytes = [['To peer', (one) => size(one.bytesToPeer), true], ['From peer', (one) => size(one.bytesFromPeer), true]]
const notes = (parts) => parts.length ? h('ul', { class: 'notes' }, parts.map((part) => h('li', null, part))) : null

function pair (term, ...said) { return [h('dt', null, term), said.map((one) => h('dd', null, one))] }

/** A permit with the name of the peer, or the beginning of its key. */
function permitText (text, names) {
  const [, key, rest] = /^([0-9a-f]{64})(:.*)$/s.exec(text) ?? []
  return key ? printable((names.get(key) ?? shortKey(key)) + rest) : printable(text)
}

/** What peers are called, by key. */
function namesIn (state) {
  const all = [...state.sessions, ...state.connects, ...state.reverses, ...state.networks.flatMap((one) => one.peers)]
  return new Map(all.filter((one) => one.name && one.peer).map((one) => [one.peer, one.name]))
}

function exposeCard (one, names) {
  const reachable = one.reachable === null || one.reachable === undefined ? badge('idle', 'not tested yet') : one.reachable ? badge('good', 'reachable') : badge('bad', 'not reachable')
  return h('article', { key: `expose ${one.publicKey}`, class: 'card facts' },
    h('header', null, h('h4', null, 'Exposed as ', h('span', { class: 'mono key' }, printable(one.key))), reachable),
    h('ul', { class: 'services' }, one.services.map((service) => h('li', null, h('b', null, bdi(printable(service.name))), h('span', { class: 'to', 'aria-label': 'leads to' }, '→'), mono(service.target), service.proxy ? badge('idle', 'PROXY protocol') : null))),
    h('dl', null,
      pair('For', Array.isArray(one.allow) ? count(one.allow.length, 'key') : 'everybody who knows the key'),
      one.permit ? pair('Permits', ...one.permit.map((text) => mono(permitText(text, names)))) : null,
      one.permitListen ? pair('May listen', ...one.permitListen.map((text) => mono(permitText(text, names)))) : null,
      one.listening.length ? pair('Listens for', ...one.listening.map((listening) => [mono(listening.listen), ` for ${peerName(listening)}, ${count(listening.connections, 'connection')}`])) : null,
      pair('Announced at', one.relays.length ? h('span', { class: 'mono' }, one.relays.map(printable).join(', ')) : 'no node yet'),
      one.problem ? pair('Not open', bdi(printable(one.problem))) : null,
      one.drops?.length ? pair('Dropped', `${drops(one.drops)} (datagrams)`) : null,
      pair('Connections', `${count(one.connections, 'connection')}${one.flows === undefined ? '' : `, ${count(one.flows, 'UDP flow')}`}; ${size(one.bytesToPeer)} to peers, ${size(one.bytesFromPeer)} from them${one.refused ? `; ${one.refused} refused, too many` : ''}`)))
}

const CONNECT_COLUMNS = [
  ['Local address', (one) => mono(one.listen)],
  ['Peer', (one) => bdi(peerName(one))],
  ['Service', (one) => one.service ? bdi(printable(one.service)) : h('i', null, 'the first')],
  ['Connections', (one) => one.problem ? badge('bad', 'not open') : `${one.connections}${one.flows === undefined ? '' : `, ${count(one.flows, 'flow')}`}`, true],
  ...bytes
]
const connectNotes = (one) => notes([
  one.problem ? bdi(`${printable(one.problem)}; tried again`) : null,
  one.lastFailure ? bdi(`${one.lastFailureOf === 'question' ? 'asked at the start' : 'the last client failed'} ${span(one.lastFailureSeconds)} ago: ${printable(one.lastFailure)}`) : null,
  one.drops?.length ? `datagrams dropped: ${drops(one.drops)}` : null
].filter(Boolean))

const SOCKS_COLUMNS = [
  ['SOCKS', (one) => mono(one.listen)],
  ['Other names', (one) => one.peer ? bdi(peerName(one)) : h('i', null, 'refused')],
  ['Connections', (one) => one.problem ? badge('bad', 'not open') : one.connections, true],
  ['Waiting', (one) => one.waiting, true],
  ['Refused', (one) => one.refused, true],
  ...bytes
]

const REVERSE_COLUMNS = [
  ['At the peer', (one) => mono(one.listen)],
  ['Peer', (one) => bdi(peerName(one))],
  ['Leads to', (one) => mono(one.target)],
  ['Connections', (one) => one.listening ? one.connections : badge('bad', 'not open'), true],
  ...bytes
]
const problemNote = (one) => one.problem ? notes([bdi(`${printable(one.problem)}; tried again`)]) : null

// Not an object: what is looked up comes from elsewhere.
const STATES = new Map([['idle', 'not connected'], ['dialling', 'connecting'], ['open', 'connected'], ['resting', 'tried again later']])
const NETWORK_COLUMNS = [
  ['Peer', (one) => bdi(peerName(one))],
  // What people gave it, before the one of its key.
  ['Address', (one) => mono(one.addresses.length > 1 && !one.nospoon ? one.addresses[1] : one.addresses[0])],
  ['State', (one) => one.path ? [badge(one.path, printable(one.path)), ` ${millis(one.rttMillis)}`] : STATES.get(one.state) ?? printable(one.state)],
  ...bytes
]
const networkNotes = (one) => notes([
  one.problem ? bdi(printable(one.problem)) : null,
  one.networks?.length ? [`behind it: ${one.networks.map(printable).join(', ')}`] : null,
  one.drops?.length ? `dropped: ${drops(one.drops)}` : null
].filter(Boolean))

function networkPart (one, folding) {
  const words = (values) => values.map(printable).join(', ')
  return [
    h('article', { key: `network ${one.publicKey}`, class: 'card facts' },
      h('header', null, h('h4', null, 'Network ', mono(one.interface || 'without an interface')), one.problem ? badge('bad', 'not open') : badge('good', 'open')),
      h('dl', null,
        pair('Addresses', h('span', { class: 'mono' }, words(one.addresses))),
        pair('MTU', one.mtu),
        one.offers?.length ? pair('Offers', words(one.offers)) : null,
        one.exit ? pair('Exit', bdi(printable(one.exit)), one.exitAnswers ? 'it answers' : 'nothing has come back through it yet') : null,
        one.direct?.length ? pair('Direct', words(one.direct)) : null,
        one.nameServers?.length ? pair('Name servers', words(one.nameServers)) : null,
        one.namesProblem ? pair('Names', bdi(printable(one.namesProblem))) : null,
        one.problem ? pair('Not open', bdi(printable(one.problem))) : null,
        one.drops.length ? pair('Dropped', `${drops(one.drops)} (packets of no peer)`) : null)),
    one.peers.length ? table(`peers of ${one.publicKey}`, 'Peers of the network', NETWORK_COLUMNS, one.peers, { ...folding, below: networkNotes, keyOf: (peer) => peer.peer }) : null
  ]
}

const part = (title, ...content) => h('div', { class: 'part', key: title }, h('h3', null, title), content)

/** All kinds of tunnels that there are; empty if there is none. */
export function tunnelsView (state, folding) {
  const byAddress = (one) => `${one.peer} ${one.listen}`
  return [
    state.exposes.length ? part('Exposed', h('div', { class: 'cards' }, state.exposes.map((one) => exposeCard(one, namesIn(state))))) : null,
    state.connects.length ? part('Local addresses', table('connects', 'Local addresses', CONNECT_COLUMNS, state.connects, { ...folding, below: connectNotes, keyOf: byAddress })) : null,
    state.socks.length ? part('SOCKS', table('socks', 'Addresses for SOCKS', SOCKS_COLUMNS, state.socks, { ...folding, below: problemNote, keyOf: byAddress })) : null,
    state.reverses.length ? part('Addresses of peers that lead here', table('reverses', 'Addresses of peers that lead here', REVERSE_COLUMNS, state.reverses, { ...folding, below: problemNote, keyOf: byAddress })) : null,
    state.networks.length ? part('Networks', state.networks.map((one) => networkPart(one, folding))) : null
  ].filter(Boolean)
}

const direction = (one) => one.direction === 'in' ? badge('idle', 'comes in') : badge('idle', 'goes out')
const path = (one) => badge(one.path === 'lan' || one.path === 'relayed' || one.path === 'direct' ? one.path : 'idle', printable(one.path))

const SESSION_COLUMNS = [
  ['Peer', (one) => bdi(peerName(one))],
  ['Direction', direction],
  ['Path', path],
  ['Remote', (one) => mono(one.remote)],
  ['Round trip', (one) => millis(one.rttMillis), true],
  ['To peer', (one) => size(one.bytesToPeer), true],
  ['From peer', (one) => size(one.bytesFromPeer), true],
  ['For', (one) => time(one.since, one.seconds), true]
]

function sessionNotes (one) {
  const out = [count(one.streams, 'connection') + (one.services.length ? ` (${one.services.map(printable).join(', ')})` : '')]
  if (one.silentSeconds !== null && one.silentSeconds !== undefined) out.push(h('b', null, `silent for ${span(one.silentSeconds)}`))
  out.push(`${rate(one.rateToPeer)} to the peer`, `${rate(one.rateFromPeer)} from it`)
  if (one.packetsLost > 0) out.push(`${count(one.packetsLost, 'packet')} lost (${(100 * one.packetsLost / Math.max(one.packets, 1)).toFixed(1)} %)`)
  if (one.packetsRepeated > 0) out.push(`${one.packetsRepeated} sent again`)
  if (one.moves > 0) out.push(`moved ${count(one.moves, 'time')}`)
  if (one.lastError) out.push(bdi(`last error${one.lastErrorSeconds === null || one.lastErrorSeconds === undefined ? '' : ` ${span(one.lastErrorSeconds)} ago`}${one.lastErrorOver ? ', over since' : ''}: ${printable(one.lastError)}`))
  return notes(out)
}

export function sessionsView (state, folding) {
  if (state.sessions.length === 0) return null
  return table('sessions', 'Sessions', SESSION_COLUMNS, state.sessions, { ...folding, below: sessionNotes, keyOf: (one) => `session ${one.id}` })
}

const CONNECTION_COLUMNS = [
  ['Number', (one) => one.id],
  ['Peer', (one) => bdi(peerName(one))],
  ['Service', (one) => one.service ? bdi(printable(one.service)) : h('i', null, 'the first')],
  ['Direction', direction],
  ['Path', path],
  ['Round trip', (one) => millis(one.rttMillis), true],
  ...bytes,
  ['For', (one) => time(one.since, one.seconds), true]
]

export function connectionsView (state, folding) {
  if (state.connections.length === 0) return null
  const rows = [...state.connections].sort((a, b) => b.id - a.id)
  return table('connections', 'Connections, the newest first', CONNECTION_COLUMNS, rows, { ...folding, keyOf: (one) => `connection ${one.id}` })
}
