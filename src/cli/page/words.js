// SPDX-License-Identifier: Apache-2.0
// Figures and texts for people, as `hsfwd status` writes them.

const UNITS = ['kB', 'MB', 'GB', 'TB', 'PB', 'EB']
// What would be rounded up to a thousand belongs to the next unit.
const NEXT = 999.95
// What a peer, a file or an error may say at most.
const LONGEST = 300
// As many characters of a key as tell it from others.
const SHORT_KEY = 12

const number = (value) => Number.isFinite(value) ? value : 0

export function size (bytes) {
  let value = number(bytes)
  if (value < 1000) return `${Math.round(value)} B`
  value /= 1000
  let unit = 0
  while (value >= NEXT && unit + 1 < UNITS.length) {
    value /= 1000
    unit++
  }
  return `${value.toFixed(1)} ${UNITS[unit]}`
}

export const rate = (bytes) => `${size(bytes)}/s`

export function span (seconds) {
  const all = Math.max(0, Math.floor(number(seconds)))
  const minutes = Math.floor(all / 60)
  const hours = Math.floor(minutes / 60)
  if (minutes === 0) return `${all} s`
  if (hours === 0) return `${minutes} min ${all % 60} s`
  if (hours < 24) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

export const millis = (value) => `${number(value).toFixed(1)} ms`
export const count = (value, one, many = `${one}s`) => `${number(value).toLocaleString('en')} ${number(value) === 1 ? one : many}`

// What steers a terminal, turns the direction of a text, or is not seen.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu
// So many marks on one letter are no writing of any language.
const PILE = /(\p{M}{4})\p{M}+/gu

/** A text from elsewhere, on one line, with everything written out that is not seen. */
export function printable (text) {
  let out = String(text ?? '')
  const left = out.length - LONGEST
  if (left > 0) out = out.slice(0, LONGEST)
  out = out.replace(UNSEEN, (one) => {
    const code = one.codePointAt(0)
    if (one === '\n') return '\\n'
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  }).replace(PILE, '$1')
  return left > 0 ? `${out}… (${left} more characters)` : out
}

/** A printable text that is not longer than that, without its middle. */
export function shortened (text, most) {
  const letters = [...printable(text)]
  if (letters.length <= most) return letters.join('')
  const tail = Math.floor((most - 1) / 3)
  return `${letters.slice(0, most - 1 - tail).join('')}…${letters.slice(-tail).join('')}`
}

export const shortKey = (key) => String(key).slice(0, SHORT_KEY)

/** Of a session, a connection or a tunnel. */
export function peerName (state) {
  const said = [state.name, shortKey(state.key ?? ''), shortKey(state.peer ?? '')].find((text) => typeof text === 'string' && text.trim() !== '')
  return printable(said ?? 'unknown')
}

export const drops = (list) => list.map((drop) => `${count(drop.datagrams ?? drop.packets, '').trim()} ${printable(drop.reason)}`).join(', ')

/** A moment of this browser's clock. */
export const clock = (time) => new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' })

/** A moment as the program tells it, in this browser's zone, or as it is. */
export function moment (text) {
  const time = Date.parse(text)
  if (!Number.isFinite(time)) return printable(text)
  return new Date(time).toLocaleString([], { dateStyle: 'medium', timeStyle: 'long' })
}
