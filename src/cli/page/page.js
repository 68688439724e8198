// SPDX-License-Identifier: Apache-2.0
// Asks for the state once a second, and shows it.
import { attemptsView } from './attempts.js'
import { findings, headline, healthView, Seen } from './health.js'
import { pictureView } from './picture.js'
import { understood } from './state.js'
import { connectionsView, sessionsView, tunnelsView } from './tables.js'
import { Cursor, History, throughputView } from './throughput.js'
import { h, render } from './tree.js'
import { clock, count, printable, rate, size, span } from './words.js'

const EVERY = 1000
// An answer takes no longer, or there is none.
const PATIENCE = 5000
// Between questions that are not answered, doubled from one to the next.
const FIRST_BREAK = 1000
const LONGEST_BREAK = 15000

const seen = new Seen()
const history = new History()
const unfolded = new Set()
const cursor = new Cursor(() => draw())

let state = null
let answeredAt = 0
let trouble = null  // { since, text, next: when it is asked again, null while it is }
let paused = false
let timer = null
let asking = false
let pause = FIRST_BREAK
let copied = false

const place = (id) => document.getElementById(id)
const folding = {
  unfolded,
  unfold: (name) => {
    if (!unfolded.delete(name)) unfolded.add(name)
    draw()
  }
}

/** Shows a section, or hides it if it has nothing to show. */
function section (id, ...content) {
  const there = content.flat(Infinity).some((one) => one !== null && one !== undefined)
  place(id).hidden = !there
  if (there) render(place(id).querySelector('.content'), content)
}

const widthOf = (id) => {
  const box = place(id).querySelector('.content')
  const style = getComputedStyle(box)
  return Math.max(240, Math.floor(box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)))
}

function liveView () {
  const [kind, text] = paused ? ['paused', 'Paused'] : trouble ? ['bad', 'No answer'] : state ? ['good', 'Live'] : ['paused', 'Asking']
  return [
    h('span', { class: `pulse ${kind}` }, h('svg', { width: 10, height: 10, viewBox: '0 0 10 10', 'aria-hidden': 'true' }, h('circle', { cx: 5, cy: 5, r: 4.5 })), text),
    h('button', { type: 'button', 'aria-pressed': String(paused), on: { click: togglePaused } }, paused ? 'Go on' : 'Pause')
  ]
}

function troubleView (now) {
  if (!trouble) return null
  const age = Math.max(0, Math.round((now - trouble.since) / 1000))
  return h('div', { class: 'card banner' },
    h('p', null, h('b', null, trouble.text), ` No answer since ${clock(trouble.since)}, ${span(age)} ago.${state ? ` What is below is of ${clock(answeredAt)}.` : ''}`),
    h('p', { class: 'aside' }, paused ? 'Paused.' : trouble.next === null ? 'Asking…' : `Asking again in ${Math.max(0, Math.ceil((trouble.next - now) / 1000))} s.`, ' ',
      h('button', { type: 'button', on: { click: askNow } }, 'Ask now')))
}

async function copyKey () {
  try {
    await navigator.clipboard.writeText(state.key)
    copied = true
    setTimeout(() => { copied = false; draw() }, 2000)
  } catch {
    getSelection().selectAllChildren(document.querySelector('#machine .key'))
  }
  draw()
}

const tile = (title, value, below) => h('div', { class: 'tile', key: title }, h('dt', null, title), h('dd', { class: 'big' }, value), below ? h('dd', { class: 'aside' }, below) : null)

function machineView () {
  const { node } = state
  const now = history.now()
  return [
    h('dl', { class: 'tiles' },
      tile('From peers', rate(now.from), `${size(history.total.from)} in all`),
      tile('To peers', rate(now.to), `${size(history.total.to)} in all`),
      tile('Connections', String(state.connections.length), count(state.sessions.length, 'session')),
      tile('Up for', span(state.seconds), `process ${printable(state.pid)}`)),
    h('div', { class: 'card facts' },
      h('dl', null,
        h('dt', null, 'Key'), h('dd', { class: 'with-button' }, h('span', { class: 'mono key' }, printable(state.key)), h('button', { type: 'button', 'aria-label': 'Copy the key', on: { click: copyKey } }, copied ? 'Copied' : 'Copy')),
        h('dt', null, 'Node'), h('dd', { id: 'node' }, [node.online ? 'online' : 'offline', node.persistent ? 'persistent' : 'ephemeral', node.address ? `seen as ${printable(node.address)}` : 'address not known yet', `NAT ${printable(node.nat)}`, `${size(node.bytesBuffered)} buffered`].join(' · ')),
        h('dt', null, 'File'), h('dd', { class: 'mono' }, printable(state.config))))
  ]
}

function navigation () {
  const links = [...document.querySelectorAll('main > section[aria-labelledby]:not([hidden])')]
    .filter(({ id }) => id !== 'machine')
    .map(({ id, firstElementChild }) => h('a', { key: id, href: `#${id}` }, firstElementChild.textContent))
  return links.length ? [h('a', { key: 'health', href: '#health' }, 'Health'), links] : null
}

function draw () {
  const now = Date.now()
  render(place('live'), liveView())
  render(place('trouble'), troubleView(now))
  document.body.classList.toggle('stale', trouble !== null && state !== null)
  if (state) {
    const all = findings(state)
    document.title = `${trouble ? 'No answer' : headline(state, all)}: hsfwd`
    render(place('health'), healthView(state, all, seen, unfolded.has('health'), () => folding.unfold('health')))
    section('machine', machineView())
    section('tunnels', tunnelsView(state, folding))
    section('sessions', sessionsView(state, folding))
    section('connections', connectionsView(state, folding))
    section('attempts', attemptsView(state))
    place('peers').hidden = false
    place('throughput').hidden = false
    section('peers', pictureView(state, widthOf('peers')))
    section('throughput', throughputView(history, cursor, widthOf('throughput')))
    render(place('foot'), h('p', null, `As of ${clock(answeredAt)}. This page only shows; `, h('code', null, 'hsfwd status'), ' and ', h('code', null, 'hsfwd peers'), ' show the same in a terminal.'))
  } else {
    document.title = trouble ? 'No answer: hsfwd' : 'hsfwd'
  }
  render(place('sections'), navigation())
}

/** What is said of a question that was not answered. */
async function refusal (response) {
  const said = await response.json().catch(() => null)
  if (!said?.message) return `hsfwd answers with ${response.status}.`
  const message = printable(said.message)
  return `${message[0].toUpperCase()}${message.slice(1)}${message.endsWith('.') ? '' : '.'}`
}

async function answer () {
  const response = await fetch('state.json', { cache: 'no-store', credentials: 'same-origin', redirect: 'error', signal: AbortSignal.timeout(PATIENCE) })
  if (!response.ok) throw new Error(await refusal(response))
  return understood(await response.json())
}

async function ask () {
  if (asking) return
  asking = true
  clearTimeout(timer)
  if (trouble) trouble.next = null
  try {
    state = await answer()
    answeredAt = Date.now()
    trouble = null
    pause = FIRST_BREAK
    seen.update(findings(state), answeredAt)
    history.add(state, performance.now())
  } catch (error) {
    const text = error.name === 'TypeError' ? 'hsfwd does not answer.' : error.name === 'TimeoutError' ? 'hsfwd takes too long to answer.' : printable(error.message)
    trouble = { since: trouble?.since ?? Date.now(), text, next: Date.now() + pause }
    pause = Math.min(pause * 2, LONGEST_BREAK)
  }
  asking = false
  plan()
  draw()
}

/** The next question; none while nobody looks. */
function plan () {
  clearTimeout(timer)
  if (paused || document.hidden) return
  timer = setTimeout(ask, trouble ? trouble.next - Date.now() : EVERY)
}

function askNow () {
  pause = FIRST_BREAK
  ask()
}

function togglePaused () {
  paused = !paused
  if (paused) clearTimeout(timer)
  else askNow()
  draw()
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) clearTimeout(timer)
  else if (!paused) askNow()
})
addEventListener('resize', () => { if (state) draw() })
// How long there has been no answer goes on while none comes.
setInterval(() => { if (trouble && !document.hidden) draw() }, 1000)
draw()
ask()
