// SPDX-License-Identifier: Apache-2.0
// The last attempts to reach a peer, each with its steps, as `hsfwd why` shows them.
import { h } from './tree.js'
import { moment, peerName, printable, span } from './words.js'

// Of a step's bar, in its own units.
const BAR = 100
// An attempt has more only if something is odd.
const STEPS = 200

// Not an object: what is looked up comes from elsewhere.
const KINDS = new Map([['reached', 'good'], ['failed', 'bad']])
const at = (step) => Math.max(0, Number(step.millis) || 0)

function stepRow (step, longest, last) {
  const x = longest > 0 ? at(step) / longest * BAR : 0
  return h('li', { class: step.step === 'failed' ? 'bad' : null },
    h('span', { class: 'when' }, `+${at(step).toFixed(at(step) < 10 ? 1 : 0)} ms`),
    h('svg', { class: 'track', viewBox: `-3 0 ${BAR + 6} 10`, preserveAspectRatio: 'none', height: 10, 'aria-hidden': 'true' }, h('path', { d: `M0 5H${BAR}` }), h('path', { class: 'at', d: `M${x.toFixed(1)} 1v8` })),
    h('span', { class: 'step' }, printable(step.step)),
    h('bdi', { class: 'text' }, printable(step.text)))
}

function attempt (one) {
  const steps = one.steps.slice(0, STEPS)
  const longest = Math.max(0, ...steps.map(at))
  return h('details', { key: `${one.at} ${one.peer} ${one.id ?? ''}`, class: 'attempt' },
    h('summary', null,
      h('span', { class: `badge ${KINDS.get(one.outcome) ?? 'idle'}` }, printable(one.outcome)),
      h('b', null, h('bdi', null, peerName(one))),
      one.service ? h('bdi', { class: 'service' }, printable(one.service)) : null,
      one.millis === undefined ? null : h('span', { class: 'service' }, `in ${Math.round(Number(one.millis) || 0)} ms`),
      one.path ? h('span', { class: `badge ${['direct', 'lan', 'relayed'].includes(one.path) ? one.path : 'idle'}` }, printable(one.path)) : null,
      h('time', { datetime: printable(one.at), title: moment(one.at) }, `${span(one.seconds)} ago`),
      one.outcome === 'failed' && one.reason ? h('bdi', { class: 'reason' }, printable(one.reason)) : null),
    h('div', { class: 'unfolded' },
      one.advice ? h('p', { class: 'todo' }, h('span', null, 'What to do: '), printable(one.advice), one.code ? h('span', { class: 'code' }, ` (${printable(one.code)})`) : null) : null,
      h('p', { class: 'aside' }, `${moment(one.at)}, key `, h('span', { class: 'mono' }, printable(one.key))),
      steps.length ? h('ol', { class: 'steps' }, steps.map((step) => stepRow(step, longest))) : h('p', { class: 'aside' }, 'No steps are known.'),
      one.steps.length > STEPS ? h('p', { class: 'aside' }, `${one.steps.length - STEPS} more steps.`) : null))
}

export function attemptsView (state) {
  if (state.attempts.length === 0) return null
  return h('div', { class: 'card attempts' }, state.attempts.map(attempt))
}
