// SPDX-License-Identifier: Apache-2.0
// What does not work, since when, why, and what to do.
import { h } from './tree.js'
import { clock, count, printable, size, span } from './words.js'

// Without an answer for as long it is no more a start that takes its time.
const START_SECONDS = 13

const isStarting = (state) => state.node.online === false && state.seconds < START_SECONDS

/** What is wrong comes first, what is only worth knowing after it: `note`. */
export function findings (state) {
  const told = state.health ?? [{ code: 'UNKNOWN', level: 'warning', what: 'This hsfwd up does not say what works', why: 'It is older than this page', advice: 'restart it' }]
  // The same may be true of several.
  const times = new Map()
  const all = told.map((one) => {
    const name = `${one.code} ${one.what}`
    times.set(name, (times.get(name) ?? 0) + 1)
    return { id: `${name} ${times.get(name)}`, note: one.level !== 'error', what: printable(one.what), why: printable(one.why), todo: printable(one.advice), seconds: one.seconds ?? undefined }
  })
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
    if (finding.seconds !== undefined) return `for ${span(finding.seconds)}`
    const first = this.#first.get(finding.id)
    if (!first) return ''
    return first.earlier ? 'since before this page was opened' : `since ${clock(first.at)}`
  }
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
      finding.todo ? h('p', { class: 'todo' }, h('span', null, 'What to do: '), h('bdi', null, finding.todo)) : null))
}

export function headline (state, all) {
  const bad = all.filter((one) => !one.note).length
  if (bad === 0 && isStarting(state)) return 'Starting'
  if (bad === 0) return state.health ? 'Everything works' : 'It runs'
  return bad === 1 ? 'One thing does not work' : `${bad} things do not work`
}

// More of them at once are a flood, and what is below matters as well.
const SHOWN = 8

export function healthView (state, all, seen, unfolded, unfold) {
  const bad = all.filter((one) => !one.note).length
  const starting = isStarting(state)
  const shown = unfolded ? all : all.slice(0, SHOWN)
  const peers = new Set(state.sessions.map((one) => one.peer).concat(state.connections.map((one) => one.peer))).size
  const sum = state.connections.reduce((sum, one) => sum + (Number(one.bytesToPeer) || 0) + (Number(one.bytesFromPeer) || 0), 0)
  return h('div', { class: `card health ${bad ? 'is-bad' : starting ? 'is-starting' : 'is-good'}` },
    h('div', { class: 'verdict' },
      h('svg', { class: 'big-sign', viewBox: '0 0 40 40', width: 40, height: 40, 'aria-hidden': 'true' },
        h('circle', { cx: 20, cy: 20, r: 18 }),
        h('path', { d: bad ? 'M20 11v11M20 27.5v1.5' : starting ? 'M12 20h.1M20 20h.1M28 20h.1' : 'm12.5 20.5 5.5 5.5 10-11' })),
      h('div', null,
        h('h1', { role: 'status' }, headline(state, all)),
        h('p', null, state.connections.length === 0
          ? 'No connections at the moment.'
          : `${count(state.connections.length, 'connection')} with ${count(peers, 'peer')}, ${size(sum)} through them so far.`))),
    all.length === 0 ? null : h('ul', { class: 'findings' }, shown.map((finding) => row(finding, seen))),
    all.length <= SHOWN ? null : h('button', { type: 'button', class: 'more', 'aria-expanded': String(unfolded), on: { click: unfold } }, unfolded ? 'Show fewer' : `Show all ${all.length}`))
}
