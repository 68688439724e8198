// SPDX-License-Identifier: Apache-2.0
// One table of what hsfwd and what users would take in its place reach, in turns in one run; scripts/bench runs it. What fails or is not
// there has no figure, and is named; it is an error only of hsfwd itself.
'use strict'
const fs = require('node:fs')
const { parseArgs } = require('node:util')
const t = require('../support/harness')
const { COLUMNS, OURS, Row, circumstances, columnOf, markdown } = require('./table')

const PARTS = [require('./rows/ports'), require('./rows/lines'), require('./rows/network')]
const LIMIT = 150000 // ms for one figure; none takes a fifth of it

const FULL = { rounds: 3, seconds: 3, lineSeconds: 10 }
const QUICK = { rounds: 1, seconds: 1, lineSeconds: 4 }

const RIVALS = COLUMNS.filter((column) => column !== OURS)
const names = PARTS.flatMap(({ measurements }) => measurements.flatMap(({ rows }) => rows.map(({ name }) => name)))

function usage (problem) {
  if (problem) console.error(`scripts/bench: ${problem}`)
  else console.log(`usage: scripts/bench [--quick] [--rounds N] [--against NAME]... [--json FILE] [ROW...]
rows: ${names.join(' ')}
names: ${RIVALS.join(', ')}`)
  fs.rmSync(t.scratch, { recursive: true, force: true })
  process.exit(problem ? 2 : 0)
}

function settings () {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: 'boolean' },
        rounds: { type: 'string' },
        against: { type: 'string', multiple: true },
        json: { type: 'string' },
        help: { type: 'boolean' }
      }
    })
    if (values.help) usage()
    for (const wanted of positionals) if (!names.includes(wanted)) usage(`there is no row '${wanted}'; --help lists them`)
    for (const name of values.against || []) if (!RIVALS.includes(name)) usage(`there is no '${name}' to compare with; --help lists them`)
    const out = { ...(values.quick ? QUICK : FULL), against: values.against || RIVALS, json: values.json, rows: positionals.length ? positionals : names }
    if (values.rounds !== undefined) out.rounds = Number(values.rounds)
    if (!(Number.isInteger(out.rounds) && out.rounds > 0)) usage(`'${values.rounds}' is not a number of rounds`)
    return out
  } catch (error) {
    return usage(error.message)
  }
}

const wanted = settings()
process.argv.length = 2 // no names of cases

const rows = []
const missing = []
const miss = (who, why) => {
  const line = `${who}: ${why}`
  if (missing.includes(line)) return
  missing.push(line)
  console.error(line)
}

/** Who is first is last the next time. */
const turned = (list, round) => [...list.slice(round % list.length), ...list.slice(0, round % list.length)]

async function measure (measurement, [column, way], seconds) {
  if (way.calm) await way.calm()
  const figures = await t.within(LIMIT, 'to measure it', measurement.measure(way, seconds)).catch((error) => {
    miss(`${measurement.rows[0].name}, ${column}`, error.message.split('\n')[0])
    return []
  })
  console.error(`  ${measurement.rows[0].name}, ${column}: ${figures.map((figure) => figure?.toPrecision(3) ?? '–').join(' ') || 'failed'}`)
  return figures
}

for (const part of PARTS) {
  const measurements = part.measurements.filter(({ rows }) => rows.some(({ name }) => wanted.rows.includes(name)))
    .map((measurement) => ({
      ...measurement,
      contestants: measurement.contestants.filter(([who]) => [OURS, ...wanted.against].includes(columnOf(who)))
    }))
  if (measurements.length === 0) continue
  t.test(part.title, async () => {
    const problem = part.unavailable()
    if (problem) {
      miss(part.title, problem)
      t.skip(problem)
    }
    const opened = await part.open(measurements)
    for (const [who, why] of opened.missing) miss(`${part.title}, ${who}`, why)
    const table = new Map(measurements.map((measurement) => [measurement, measurement.rows.map((row) => new Row(row))]))
    rows.push(...[...table.values()].flat().filter(({ name }) => wanted.rows.includes(name)))
    for (let round = 0; round < wanted.rounds; round++) {
      console.error(`${part.title}, round ${round + 1} of ${wanted.rounds}`)
      for (const measurement of measurements) {
        const present = measurement.contestants.map(([column, name]) => [column, opened.ways.get(name)]).filter(([, way]) => way !== undefined)
        for (const contestant of turned(present, round)) {
          const figures = await measure(measurement, contestant, part.lines ? wanted.lineSeconds : wanted.seconds)
          table.get(measurement).forEach((row, i) => row.add(contestant[0], figures[i]))
        }
      }
    }
    for (const [{ contestants }, measured] of table) {
      const present = contestants.some(([column, name]) => column === OURS && (name === OURS || opened.ways.has(name)))
      for (const row of present ? measured : []) t.ok(row.best([OURS]) !== undefined, `${row.name}: there is no figure of ${OURS}`)
    }
  })
}

t.test('the table', async () => {
  t.ok(rows.length > 0, 'nothing could be measured')
  const about = circumstances(t.BINARY)
  console.log(`\n${about.date}, ${about.version}, ${about.processors} processors (${about.model}), Linux ${about.kernel}, medians of ${wanted.rounds} rounds\n`)
  console.log(markdown(rows))
  console.log(missing.length ? `\nWithout a figure:\n${missing.map((line) => `- ${line}`).join('\n')}\n` : '')
  if (wanted.json) {
    const figures = rows.map(({ samples, ...row }) => ({ ...row, samples: Object.fromEntries(samples) }))
    fs.writeFileSync(wanted.json, JSON.stringify({ ...about, ...wanted, json: undefined, rows: figures, missing }, null, 2) + '\n')
  }
})
