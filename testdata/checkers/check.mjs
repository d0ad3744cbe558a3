// check.mjs DIR: reads what constl wrote into DIR with programs by others, and fails
// if one of them finds something wrong. run.sh calls it.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const dir = path.resolve(process.argv[2])
const read = (name) => fs.readFileSync(path.join(dir, name), 'utf8')
let failed = 0

async function check(name, what) {
  try {
    const said = await what()
    console.log(`ok    ${name}${said ? ': ' + said : ''}`)
  } catch (e) {
    failed++
    console.log(`WRONG ${name}: ${e.message}`)
  }
}

function want(ok, text) {
  if (!ok) throw new Error(text)
}

const expected = JSON.parse(read('citation.json'))
const family = expected.authors[0].name.split(' ').at(-1)

// Bibliographies: whatever reads them must find the same title, author and year.
await check('BibTeX, with @retorquere/bibtex-parser', async () => {
  const { parse } = await import('@retorquere/bibtex-parser')
  for (const name of ['citation.bib', 'citation.biblatex']) {
    const got = parse(read(name), { sentenceCase: false })
    want(got.errors.length === 0 && got.entries.length === 1, JSON.stringify(got.errors))
    const e = got.entries[0]
    want(e.type === 'dataset' && e.fields.author[0].lastName === family, JSON.stringify(e.fields.author))
    want(e.fields.title.includes(expected.title.slice(0, 12)), e.fields.title)
    want(e.fields.note.includes(expected.identifier) && e.fields.note.includes('Always the newest'), e.fields.note)
  }
})

const { Cite, plugins } = await import('@citation-js/core')
for (const name of ['bibtex', 'ris', 'csl', 'cff']) await import(`@citation-js/plugin-${name}`)
for (const [name, format] of [['citation.bib', '@biblatex/text'], ['citation.biblatex', '@biblatex/text'], ['citation.csl.json', '@csl/list+object'], ['citation.ris', '@ris/file'], ['CITATION.cff', '@else/yaml']]) {
  await check(`${name}, with Citation.js`, async () => {
    let data = read(name)
    if (name.endsWith('.csl.json')) data = JSON.parse(data)
    const cite = await Cite.async(data)
    want(cite.data.length === 1, `${cite.data.length} items`)
    const item = cite.data[0]
    want(item.type === 'dataset', `type ${item.type}`)
    want(item.title.includes(expected.title.slice(0, 12)), `title ${item.title}`)
    want(item.author[0].family === family || item.author[0].literal === expected.authors[0].name, JSON.stringify(item.author))
    want(item.issued['date-parts'][0][0] === Number(expected.date.slice(0, 4)), JSON.stringify(item.issued))
    const text = cite.format('bibliography', { format: 'text', template: 'apa', lang: 'en-US' })
    want(text.startsWith(family) || text.startsWith(expected.authors[0].name), text)
    return text.trim().slice(0, 60) + '…'
  })
}

// schema.org: the vocabulary's own types, checked by the TypeScript compiler. They know
// no texts with a language, which are set aside.
await check('schema.org, with schema-dts', () => {
  const plain = (v) => {
    if (Array.isArray(v)) {
      const list = v.map(plain).filter((x) => x !== undefined)
      return list.length ? list : undefined
    }
    if (v === null || typeof v !== 'object') return v
    if ('@value' in v) return undefined
    return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, plain(x)]).filter(([, x]) => x !== undefined))
  }
  const data = plain(JSON.parse(read('schema.org.jsonld')))
  want(data['@context'] === 'https://schema.org/', data['@context'])
  data['@context'] = 'https://schema.org'
  const file = path.join(path.dirname(process.argv[1]), 'schema-check.ts')
  fs.writeFileSync(file, `import type { Dataset, WithContext } from 'schema-dts'\nexport const d: WithContext<Dataset> = ${JSON.stringify(data, null, 1)}\n`)
  try {
    execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--moduleResolution', 'nodenext', file], { stdio: 'pipe', cwd: path.dirname(process.argv[1]) })
  } catch (e) {
    throw new Error(e.stdout.toString().slice(0, 3000))
  }
})

// JSON-LD: the algorithms of the W3C. Contexts that stand elsewhere are not fetched.
const jsonld = (await import('jsonld')).default
const crateContext = JSON.parse(fs.readFileSync(require.resolve('ro-crate/lib/context.json'), 'utf8'))
const documentLoader = async (url) => {
  if (url.startsWith('https://w3id.org/ro/crate/')) return { documentUrl: url, document: Object.values(crateContext)[0]['@context'] ? Object.values(crateContext)[0] : crateContext }
  if (url.startsWith('https://schema.org')) return { documentUrl: url, document: { '@context': { '@vocab': 'https://schema.org/' } } }
  throw new Error(`no context ${url}`)
}
async function quads(name) {
  return jsonld.toRDF(JSON.parse(read(name)), { documentLoader, base: 'https://example.org/data/', safe: false })
}
const vocabulary = async (name) => new Set([...fs.readFileSync(path.join(path.dirname(require.resolve(`@vocabulary/${name}`)), `${name}.nq`), 'utf8').matchAll(/<([^>]+)>/g)].map((m) => m[1]))

await check('DCAT, with jsonld and the vocabulary of the W3C', async () => {
  const list = await quads('dcat.jsonld')
  const terms = await vocabulary('dcat')
  const dcat = 'http://www.w3.org/ns/dcat#'
  // The package has version 2 of the vocabulary; of version 3 these are used.
  for (const name of ['version', 'isVersionOf']) terms.add(dcat + name)
  for (const q of list) {
    for (const iri of [q.predicate.value, ...(q.predicate.value.endsWith('#type') ? [q.object.value] : [])]) {
      want(!iri.startsWith(dcat) || terms.has(iri), `there is no ${iri}`)
    }
    want(/^(https?|constl|mailto|spdx):/.test(q.object.value) || q.object.termType !== 'NamedNode', `${q.predicate.value} is ${q.object.value}`)
  }
  const of = (p) => list.filter((q) => q.predicate.value === p)
  want(of(dcat + 'distribution').length > 0 && of('http://purl.org/dc/terms/title').length > 0, 'no distribution or title')
  return `${list.length} statements`
})

await check('Croissant, with jsonld', async () => {
  const list = await quads('croissant.json')
  const data = JSON.parse(read('croissant.json'))
  const types = list.filter((q) => q.predicate.value.endsWith('#type')).map((q) => q.object.value)
  for (const t of ['https://schema.org/Dataset', 'http://mlcommons.org/croissant/FileObject', 'http://mlcommons.org/croissant/RecordSet', 'http://mlcommons.org/croissant/Field']) want(types.includes(t), `nothing is a ${t}`)
  want(list.some((q) => q.predicate.value === 'http://purl.org/dc/terms/conformsTo' && q.object.value === 'http://mlcommons.org/croissant/1.1'), 'conforms to nothing')
  const dropped = Object.keys(data).filter((k) => !k.startsWith('@') && !list.some((q) => q.predicate.value.endsWith('/' + (data['@context'][k]?.['@id'] ?? data['@context'][k] ?? k).split(':').at(-1))))
  want(dropped.length === 0, `these say nothing: ${dropped}`)
  return `${list.length} statements`
})

await check('RO-Crate, with ro-crate', async () => {
  const { ROCrate } = require('ro-crate')
  const data = JSON.parse(read('ro-crate-metadata.json'))
  const { Validator } = require('ro-crate/lib/validator')
  const v = new Validator()
  v.hasContext = async () => {} // would fetch it from the web
  v.parseJSON(data)
  await v.validate({})
  const bad = v.results.filter((r) => r.status === 'error' || r.status === 'warning')
  want(bad.length === 0, JSON.stringify(bad, null, 1))
  const crate = new ROCrate(data, { array: true, link: true })
  want(crate.rootDataset.name.includes(expected.title), crate.rootDataset.name)
  return `${v.results.length} points`
})

await check('CSVW, with @zazuko/rdf-parser-csvw', async () => {
  const { default: rdf } = await import('@zazuko/env-node')
  const { default: CsvwParser } = await import('@zazuko/rdf-parser-csvw')
  const group = JSON.parse(read('csv-metadata.json'))
  let n = 0
  for (const table of group.tables) {
    const metadata = await rdf.dataset().import(rdf.formats.parsers.import('application/ld+json', (await import('node:stream')).Readable.from([JSON.stringify({ ...table, '@context': { '@vocab': 'http://www.w3.org/ns/csvw#', url: { '@type': '@id' }, propertyUrl: { '@type': '@id' }, columns: { '@id': 'column', '@container': '@list' }, titles: 'title', base: 'base', datatype: 'datatype', dc: 'http://purl.org/dc/terms/', schema: 'http://schema.org/' } })]), { baseIRI: 'https://example.org/' }))
    const parser = new CsvwParser({ metadata, baseIRI: 'https://example.org/', factory: rdf })
    for await (const q of parser.import(fs.createReadStream(path.join(dir, decodeURIComponent(table.url))))) { want(q, ''); n++ }
  }
  want(n > 0, 'no statements')
  return `${n} statements of ${group.tables.length} tables`
})

process.exitCode = failed ? 1 : 0
