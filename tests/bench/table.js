// SPDX-License-Identifier: Apache-2.0
// Figures of rows as one Markdown table, and what is worth knowing of where they come from.
'use strict'
const { execFileSync } = require('node:child_process')
const os = require('node:os')
const { median } = require('./compare')

const OURS = 'hsfwd'
const COLUMNS = [OURS, 'ssh -L', 'ssh -L aes128-gcm', 'hypertele', 'holesail', 'wireguard-go', 'bare']

/** `bare, cubic` is of the column `bare`. */
const columnOf = (who) => who.split(',')[0]

/** Figures of a row by who has made them. */
class Row {
  /**
   * @param less is better
   * @param bareCounts as one of the others that the best is taken of
   * @param compared there is a ratio
   */
  constructor ({ name, title, less = false, bareCounts = false, compared = true }) {
    Object.assign(this, { name, title, less, bareCounts, compared, samples: new Map() })
  }

  /** `figure` may be undefined: a failure, unless there is nothing to be measured of that one. */
  add (who, figure) {
    if (!this.samples.has(who)) this.samples.set(who, [])
    if (Number.isFinite(figure)) this.samples.get(who).push(figure)
  }

  /** Medians of a column, {who, figure} each: one, or one for each variant. */
  of (column) {
    return [...this.samples].filter(([who, samples]) => columnOf(who) === column && samples.length > 0)
      .map(([who, samples]) => ({ who, figure: median(samples) }))
  }

  best (columns) {
    const figures = columns.flatMap((column) => this.of(column)).map(({ figure }) => figure)
    return figures.length ? (this.less ? Math.min : Math.max)(...figures) : undefined
  }

  /** How many times as good as the best of the others; above 1 we are ahead. */
  ratio () {
    const ours = this.best([OURS])
    const others = this.best(COLUMNS.filter((column) => column !== OURS && (column !== 'bare' || this.bareCounts)))
    if (!this.compared || ours === undefined || others === undefined) return undefined
    return this.less ? others / ours : ours / others
  }
}

function show (number) {
  if (number >= 1000) return Math.round(number).toLocaleString('en-US')
  return number >= 100 ? number.toFixed(0) : number >= 10 ? number.toFixed(1) : number.toFixed(number >= 0.995 ? 2 : 3)
}

function cell (row, column) {
  const shown = row.of(column).map(({ who, figure }) => [show(figure), ...who.split(', ').slice(1)].join(' '))
  return shown.join(', ') || '–'
}

/** Columns that nobody has a figure in are left out. */
function markdown (rows) {
  const columns = COLUMNS.filter((column) => rows.some((row) => row.of(column).length > 0))
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [
    line(['', ...columns, `${OURS} : best other`]),
    line(['---', ...columns.map(() => '---:'), '---:']),
    ...rows.map((row) => {
      const ratio = row.ratio()
      return line([row.title, ...columns.map((column) => cell(row, column)), ratio === undefined ? '–' : show(ratio)])
    })
  ].join('\n')
}

/** The day, the program, and the machine, without its name. */
function circumstances (binary) {
  const [{ model }] = os.cpus()
  return {
    date: new Date().toISOString().slice(0, 10),
    version: execFileSync(binary, ['--version']).toString().trim(),
    processors: os.cpus().length,
    model: model.trim(),
    kernel: os.release().split('-')[0]
  }
}

module.exports = { COLUMNS, OURS, Row, circumstances, columnOf, markdown }
