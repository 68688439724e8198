// SPDX-License-Identifier: Apache-2.0
// What all tunnels have carried, second by second, for as long as the page is open and at most for some minutes.
import { h } from './tree.js'
import { counters } from './state.js'
import { rate, size, span } from './words.js'

const KEPT_SECONDS = 300
// Two answers further apart say nothing of what was between them.
const GAP_SECONDS = 6
// A rate is the mean of as many seconds.
const MEAN_SECONDS = 3
const HEIGHT = 210
const MARGIN = { left: 66, right: 6, top: 8, bottom: 22 }

export class History {
  #last = null
  #samples = []  // at: seconds, to and from: bytes a second; gap: nothing is known between it and the one before
  total = { to: 0, from: 0 }

  add (state, now) {
    const at = now / 1000
    const values = counters(state)
    this.total = { to: 0, from: 0 }
    for (const [to, from] of values.values()) {
      this.total.to += to
      this.total.from += from
    }
    const last = this.#last
    this.#last = { at, values, pid: state.pid }
    if (last === null) return
    const seconds = at - last.at
    if (seconds <= 0) return
    const gap = seconds > GAP_SECONDS || last.pid !== state.pid
    let to = 0
    let from = 0
    for (const [name, [nowTo, nowFrom]] of values) {
      // One that was not there has begun since.
      const [thenTo, thenFrom] = last.values.get(name) ?? [0, 0]
      to += Math.max(0, nowTo - thenTo)
      from += Math.max(0, nowFrom - thenFrom)
    }
    this.#samples.push({ at, seconds, to: gap ? 0 : to, from: gap ? 0 : from, gap })
    while (this.#samples[0].at < at - KEPT_SECONDS) this.#samples.shift()
  }

  /** Rates, each the mean of a few seconds; none before the second answer. */
  points () {
    const out = []
    this.#samples.forEach((sample, i) => {
      if (sample.gap) return out.push({ at: sample.at, to: 0, from: 0, gap: true })
      let [to, from, seconds] = [0, 0, 0]
      for (let j = i; j >= 0 && seconds < MEAN_SECONDS && !this.#samples[j].gap; j--) {
        to += this.#samples[j].to
        from += this.#samples[j].from
        seconds += this.#samples[j].seconds
      }
      out.push({ at: sample.at, to: to / seconds, from: from / seconds, gap: false })
    })
    return out
  }

  now () { return this.points().at(-1) ?? { to: 0, from: 0 } }
}

// What the chart shows grows with what there is.
const SHOWN_SECONDS = [60, 120, KEPT_SECONDS]

/** The next of 1, 2, 5, 10, 20... that is not below. */
function ceiling (value) {
  const least = Math.max(value, 1000)
  const power = 10 ** Math.floor(Math.log10(least))
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= least)
}

function area (points, x, y, zero, of) {
  let out = ''
  let open = null
  const close = (at) => { if (open !== null) out += `L${x(at).toFixed(1)} ${zero}Z`; open = null }
  for (const point of points) {
    if (point.gap) { close(open ?? point.at); continue }
    out += open === null ? `M${x(point.at).toFixed(1)} ${zero}L` : 'L'
    out += `${x(point.at).toFixed(1)} ${y(point[of]).toFixed(1)}`
    open = point.at
  }
  close(open)
  return out
}

function shownSeconds (points) {
  const known = points.length ? points.at(-1).at - points[0].at : 0
  return SHOWN_SECONDS.find((seconds) => seconds >= known) ?? KEPT_SECONDS
}

/** Where the one who looks has the cursor: seconds before the newest, or null. */
export class Cursor {
  back = null
  constructor (changed) { this.changed = changed }
  set (back) {
    this.back = back === null ? null : Math.max(0, Math.min(KEPT_SECONDS, Math.round(back)))
    this.changed()
  }
}

function readout (points, cursor) {
  const newest = points.at(-1)
  if (cursor.back === null || !newest) return null
  const wanted = newest.at - cursor.back
  const point = points.reduce((best, one) => Math.abs(one.at - wanted) < Math.abs(best.at - wanted) ? one : best)
  if (Math.abs(point.at - wanted) > GAP_SECONDS / 2 || point.gap) return { at: wanted, text: `${span(cursor.back)} ago: not known` }
  return { at: point.at, text: `${cursor.back === 0 ? 'Now' : `${span(cursor.back)} ago`}: ${rate(point.from)} from peers, ${rate(point.to)} to peers` }
}

function listeners (cursor, width, shown) {
  const back = (event) => {
    const box = event.currentTarget.getBoundingClientRect()
    const share = (event.clientX - box.left - MARGIN.left) / (width - MARGIN.left - MARGIN.right)
    return (1 - share) * shown
  }
  const steps = { ArrowLeft: 5, ArrowDown: 5, ArrowRight: -5, ArrowUp: -5, PageDown: 60, PageUp: -60 }
  return {
    pointermove: (event) => cursor.set(back(event)),
    pointerdown: (event) => cursor.set(back(event)),
    pointerleave: () => cursor.set(null),
    blur: () => cursor.set(null),
    keydown: (event) => {
      if (event.key === 'Home') cursor.set(shown)
      else if (event.key === 'End') cursor.set(0)
      else if (event.key === 'Escape') cursor.set(null)
      else if (event.key in steps) cursor.set(Math.min(shown, (cursor.back ?? 0) + steps[event.key]))
      else return
      event.preventDefault()
    }
  }
}

function scaleLines (most, y, width) {
  return [1, 0.5, 0, -0.5, -1].map((share) => h('g', { key: `scale ${share}`, class: share === 0 ? 'scale zero' : 'scale' },
    h('line', { x1: MARGIN.left, x2: width - MARGIN.right, y1: y(share * most), y2: y(share * most) }),
    h('text', { x: MARGIN.left - 8, y: y(share * most) + 4, 'text-anchor': 'end' }, share === 0 ? '0' : rate(Math.abs(share) * most).replace('.0 ', ' '))))
}

function times (x, newest, shown) {
  return [1, 0.5, 0].map((share) => h('text', {
    key: `time ${share}`, class: 'time', x: x(newest - share * shown), y: HEIGHT - MARGIN.bottom + 16, 'text-anchor': share === 1 ? 'start' : share === 0 ? 'end' : 'middle'
  }, share === 0 ? 'now' : `${span(share * shown).replace(' 0 s', '')} ago`))
}

export function throughputView (history, cursor, width) {
  const points = history.points()
  const newest = points.at(-1)?.at ?? 0
  const most = ceiling(Math.max(...points.map((one) => Math.max(one.to, one.from)), 0))
  const shown = shownSeconds(points)
  const inner = { width: width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom }
  const zero = MARGIN.top + inner.height / 2
  const x = (at) => MARGIN.left + inner.width * (1 - (newest - at) / shown)
  const y = (value) => zero - value / most * inner.height / 2
  const read = readout(points, cursor)
  const now = history.now()
  const peak = points.reduce((best, one) => ({ to: Math.max(best.to, one.to), from: Math.max(best.from, one.from) }), { to: 0, from: 0 })
  return [
    h('div', { key: 'chart', class: 'chart', tabindex: 0, role: 'slider', 'aria-label': 'Throughput of the last minutes; arrow keys look back', 'aria-valuemin': -shown, 'aria-valuemax': 0, 'aria-valuenow': -(cursor.back ?? 0), 'aria-valuetext': read?.text ?? `Now: ${rate(now.from)} from peers, ${rate(now.to)} to peers`, on: listeners(cursor, width, shown) },
      h('svg', { 'aria-hidden': 'true', width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}` },
        scaleLines(most, y, width),
        h('path', { key: 'from', class: 'from', d: area(points, x, y, zero, 'from') }),
        h('path', { key: 'to', class: 'to', d: area(points, x, (value) => y(-value), zero, 'to') }),
        h('text', { key: 'label from', class: 'side', x: MARGIN.left + 6, y: MARGIN.top + 13 }, '↓ from peers'),
        h('text', { key: 'label to', class: 'side', x: MARGIN.left + 6, y: HEIGHT - MARGIN.bottom - 6 }, '↑ to peers'),
        times(x, newest, shown),
        read ? h('line', { key: 'cursor', class: 'cursor', x1: x(read.at), x2: x(read.at), y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }) : null)),
    h('p', { key: 'read', class: 'aside' }, read?.text ?? (points.length === 0
      ? 'Measured from now on, while this page is open.'
      : `Most while this page was open: ${rate(peak.from)} from peers, ${rate(peak.to)} to peers. In all: ${size(history.total.from)} from peers, ${size(history.total.to)} to them.`))
  ]
}
