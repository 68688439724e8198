// SPDX-License-Identifier: Apache-2.0
// What does not work, since when, why, and what to do.
import { h } from './tree.js'
import { clock, count, drops, peerName, printable, size, span } from './words.js'

// A peer that has said nothing for less is not worth a word.
const SILENT_SECONDS = 3

// After as many it is no more a start that takes its time.
const START_SECONDS = 13

// In what follows `...` is a command or a key of the file.
const DO = {
  offline: 'Run `hsfwd netcheck`: the network here blocks UDP, or `bootstrap` names the wrong nodes.',
  unreachable: 'Run `hsfwd netcheck`; a relay that this machine names with `relay_through` helps.',
  shared: 'Stop one of the two programs, or give it an `identity` of its own.',
  refused: 'Raise `max_connections` or `max_connections_per_key` if that many are meant to come.',
  taken: 'Nothing, if the address appears later: it is tried again. Otherwise see which program has it, or choose another.',
  failed: 'Check that the peer is running. `hsfwd why PEER` shows each step of an attempt.',
  silent: 'Nothing: what is connected waits, and goes on when the peer is back.',
  reverse: 'It is tried again. The peer has to permit it (`permit_listen`).',
  exit: 'On the exit: offer `internet`, forward packets and translate addresses.',
  names: 'Use the addresses below, or put `nameserver fdae:7d21:d73d::53` into `/etc/resolv.conf`.',
  dropped: 'Datagrams that are too large for the path have to be smaller.'
}

/** The advice of the newest attempt at a peer, if that failed. */
function advised (state, peer) {
  const newest = state.attempts.find((attempt) => attempt.peer === peer)
  return newest?.outcome === 'failed' && newest.advice ? printable(newest.advice) : null
}

function ofNode ({ node, seconds }) {
  if (node.online !== false) return []
  if (seconds < START_SECONDS) return [{ id: 'starting', note: true, what: 'Looking for the network', why: 'No node of it has answered yet.', seconds }]
  return [{ id: 'offline', what: 'No node of the network answers', why: 'Nobody is found, and nobody finds this machine.', todo: DO.offline }]
}

function ofExposes (state) {
  const out = []
  for (const one of state.exposes) {
    const named = (text) => `${text} ${one.services.map((service) => printable(service.name)).join(', ') || 'this machine'}`
    const id = `expose ${one.publicKey}`
    if (one.problem) out.push({ id: `${id} problem`, what: `Peers cannot find ${named('')}`.replace('  ', ' '), why: printable(one.problem), todo: 'It is tried again.' })
    else if (one.reachable === false) out.push({ id: `${id} reachable`, what: `Peers do not reach ${named('')}`.replace('  ', ' '), why: 'The test of this machine\'s own announcement fails.', todo: DO.unreachable })
    if (one.shared) out.push({ id: `${id} shared`, what: `Another program serves the same key as ${named('')}`.replace('  ', ' '), why: 'Peers end up at one or the other.', todo: DO.shared })
    if (one.refused > 0) out.push({ id: `${id} refused`, note: true, what: `${count(one.refused, 'connection')} refused`, why: 'There were too many at once.', todo: DO.refused })
    if (one.drops?.length) out.push({ id: `${id} drops`, note: true, what: 'Datagrams of a service were dropped', why: drops(one.drops), todo: DO.dropped })
  }
  return out
}

function ofConnects (state) {
  const out = []
  for (const one of state.connects) {
    const listen = printable(one.listen)
    if (one.problem) out.push({ id: `connect ${listen} problem`, what: `${listen} is not open`, why: printable(one.problem), todo: DO.taken })
    if (one.lastFailure) {
      const question = one.lastFailureOf === 'question'
      out.push({ id: `connect ${listen} failure`, what: `${listen} does not lead to ${peerName(one)}`, why: printable(one.lastFailure) + (question ? ' (asked at the start)' : ''), seconds: one.lastFailureSeconds, ago: true, todo: advised(state, one.peer) ?? DO.failed })
    }
    if (one.drops?.length) out.push({ id: `connect ${listen} drops`, note: true, what: `Datagrams to ${peerName(one)} were dropped`, why: `${listen}: ${drops(one.drops)}`, todo: DO.dropped })
  }
  return out
}

function ofListeners (state) {
  const out = []
  for (const one of state.socks) {
    const listen = printable(one.listen)
    if (one.problem) out.push({ id: `socks ${listen}`, what: `${listen} (SOCKS) is not open`, why: printable(one.problem), todo: DO.taken })
  }
  for (const one of state.reverses) {
    const listen = printable(one.listen)
    if (one.listening) continue
    const id = `reverse ${one.peer} ${listen}`
    if (one.problem) out.push({ id, what: `${peerName(one)} does not listen at ${listen}`, why: printable(one.problem), todo: DO.reverse })
  }
  return out
}

function ofNetworks (state) {
  const out = []
  for (const one of state.networks) {
    const id = `network ${one.publicKey}`
    const name = printable(one.interface) || 'The network'
    if (one.problem) out.push({ id: `${id} problem`, what: `${name} does not work`, why: printable(one.problem), todo: 'It is tried again.' })
    if (one.exit && one.exitAnswers === false) out.push({ id: `${id} exit`, what: `Nothing has come back through the exit, ${printable(one.exit)}`, why: 'All that is for no peer and no local network goes there.', todo: DO.exit })
    if (one.namesProblem) out.push({ id: `${id} names`, note: true, what: 'Names of peers (NAME.hsfwd) are not known on this machine', why: printable(one.namesProblem), todo: DO.names })
    for (const peer of one.peers) {
      if (peer.problem) out.push({ id: `${id} ${peer.peer}`, what: `${peerName(peer)} is not reached in the network`, why: printable(peer.problem), todo: advised(state, peer.peer) ?? DO.failed })
    }
  }
  return out
}

function ofSessions (state) {
  const out = []
  for (const one of state.sessions) {
    const id = `session ${one.id}`
    if (one.silentSeconds !== null && one.silentSeconds >= SILENT_SECONDS) out.push({ id: `${id} silent`, what: `${peerName(one)} does not answer`, why: `${count(one.streams, 'connection')} ${one.streams === 1 ? 'waits' : 'wait'} for it.`, seconds: one.silentSeconds, todo: DO.silent })
    else if (one.lastError && !one.lastErrorOver) out.push({ id: `${id} error`, note: true, what: `The path to ${peerName(one)} had an error`, why: printable(one.lastError), seconds: one.lastErrorSeconds ?? undefined, ago: true, todo: 'Nothing: the session looks for another path by itself.' })
  }
  return out
}

/** What is wrong comes first, what is only worth knowing after it: `note`. */
export function findings (state) {
  const all = [ofNode, ofExposes, ofConnects, ofListeners, ofNetworks, ofSessions].flatMap((of) => of(state))
  return [...all.filter((one) => !one.note), ...all.filter((one) => one.note)]
}

/** Since when findings are there that do not say so themselves, as far as this page has seen. */
export class Seen {
  #first = new Map()
  #began = false

  update (all, now) {
    const before = this.#first
    this.#first = new Map(all.map(({ id }) => [id, before.get(id) ?? { at: now, earlier: !this.#began }]))
    this.#began = true
  }

  text (finding) {
    if (finding.seconds !== undefined) return finding.ago ? `${span(finding.seconds)} ago` : `for ${span(finding.seconds)}`
    const first = this.#first.get(finding.id)
    if (!first) return ''
    return first.earlier ? 'since before this page was opened' : `since ${clock(first.at)}`
  }
}

/** A text with `commands` in it. */
function withCode (text) {
  return text.split('`').map((part, i) => i % 2 ? h('code', null, part) : part)
}

function row (finding, seen) {
  const since = seen.text(finding)
  return h('li', { key: finding.id, class: finding.note ? 'finding note' : 'finding bad' },
    h('svg', { class: 'sign', viewBox: '0 0 20 20', width: 20, height: 20, role: 'img', 'aria-label': finding.note ? 'Note' : 'Problem' },
      finding.note
        ? [h('circle', { cx: 10, cy: 10, r: 8 }), h('path', { d: 'M10 9v5M10 6v.5' })]
        : [h('path', { d: 'M10 2.5 18.5 17h-17z' }), h('path', { d: 'M10 8v4M10 14.2v.5' })]),
    h('div', null,
      h('h3', null, h('bdi', null, finding.what), since ? [' ', h('span', { class: 'since' }, since)] : null),
      h('p', { class: 'why' }, h('bdi', null, finding.why)),
      finding.todo ? h('p', { class: 'todo' }, h('span', null, 'What to do: '), withCode(finding.todo)) : null))
}

const isStarting = (all) => all.some((one) => one.id === 'starting')

export function headline (all) {
  const bad = all.filter((one) => !one.note).length
  if (bad === 0) return isStarting(all) ? 'Starting' : 'Everything works'
  return bad === 1 ? 'One thing does not work' : `${bad} things do not work`
}

// More of them at once are a flood, and what is below matters as well.
const SHOWN = 8

export function healthView (state, all, seen, unfolded, unfold) {
  const bad = all.filter((one) => !one.note).length
  const shown = unfolded ? all : all.slice(0, SHOWN)
  const peers = new Set(state.sessions.map((one) => one.peer).concat(state.connections.map((one) => one.peer))).size
  const sum = state.connections.reduce((sum, one) => sum + (Number(one.bytesToPeer) || 0) + (Number(one.bytesFromPeer) || 0), 0)
  return h('div', { class: `card health ${bad ? 'is-bad' : isStarting(all) ? 'is-starting' : 'is-good'}` },
    h('div', { class: 'verdict' },
      h('svg', { class: 'big-sign', viewBox: '0 0 40 40', width: 40, height: 40, 'aria-hidden': 'true' },
        h('circle', { cx: 20, cy: 20, r: 18 }),
        h('path', { d: bad ? 'M20 11v11M20 27.5v1.5' : isStarting(all) ? 'M12 20h.1M20 20h.1M28 20h.1' : 'm12.5 20.5 5.5 5.5 10-11' })),
      h('div', null,
        h('h1', { role: 'status' }, headline(all)),
        h('p', null, state.connections.length === 0
          ? 'No connections at the moment.'
          : `${count(state.connections.length, 'connection')} with ${count(peers, 'peer')}, ${size(sum)} through them so far.`))),
    all.length === 0 ? null : h('ul', { class: 'findings' }, shown.map((finding) => row(finding, seen))),
    all.length <= SHOWN ? null : h('button', { type: 'button', class: 'more', 'aria-expanded': String(unfolded), on: { click: unfold } }, unfolded ? 'Show fewer' : `Show all ${all.length}`))
}
