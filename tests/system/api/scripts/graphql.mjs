// Unmodified clients and tools of GraphQL against the schema of test_graphql.py. The script is given the URL of the
// service, a token and an empty directory, and prints a JSON object: what each of them answered.
import { createRequire } from 'node:module'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

const require = createRequire(process.env.NODE_DIRECTORY + '/')
const [url, token, directory, page] = process.argv.slice(2)
const authorization = { Authorization: `Bearer ${token}` }
const results = {}

const LIST = `query List($first: Int!, $after: Cursor) {
  postNodes(first: $first, after: $after) {
    edges { cursor node { id headline author: userByAuthorId { id name } } } pageInfo { hasNextPage endCursor } } }`
const INSERT = `mutation Insert($headline: String!) {
  insertPost(input: {headline: $headline}) { post { id headline } } }`
const DELETE = `mutation Delete($f: PostFilter!) { deletePostNodes(filter: $f) { nodes { headline } } }`
const WRONG = '{ nothing }'
const headlines = (data) => data.postNodes.edges.map((edge) => edge.node.headline)

async function urql() {
  const { createClient, fetchExchange } = require('@urql/core')
  const client = createClient({
    url, exchanges: [fetchExchange], preferGetMethod: false, fetchOptions: { headers: authorization },
  })
  const first = await client.query(LIST, { first: 2 }).toPromise()
  const after = first.data.postNodes.pageInfo.endCursor
  const second = await client.query(LIST, { first: 2, after }, { preferGetMethod: 'force' }).toPromise()
  const made = await client.mutation(INSERT, { headline: 'of urql' }).toPromise()
  const gone = await client.mutation(DELETE, { f: { headline: { eq: 'of urql' } } }).toPromise()
  const wrong = await client.query(WRONG, {}).toPromise()
  return [headlines(first.data), headlines(second.data), made.data.insertPost.post.headline,
    gone.data.deletePostNodes.nodes.length, wrong.error.graphQLErrors.map((error) => error.message)]
}

async function apollo() {
  const { ApolloClient, InMemoryCache, HttpLink, gql } = require('@apollo/client')
  const client = new ApolloClient({ cache: new InMemoryCache(), link: new HttpLink({ uri: url, headers: authorization }) })
  const first = await client.query({ query: gql(LIST), variables: { first: 2 } })
  const after = first.data.postNodes.pageInfo.endCursor
  const second = await client.query({ query: gql(LIST), variables: { first: 2, after } })
  const made = await client.mutate({ mutation: gql(INSERT), variables: { headline: 'of apollo' } })
  const gone = await client.mutate({ mutation: gql(DELETE), variables: { f: { headline: { eq: 'of apollo' } } } })
  const wrong = await client.query({ query: gql(WRONG) }).then(() => [], (error) => error.errors.map((one) => one.message))
  return [headlines(first.data), headlines(second.data), made.data.insertPost.post.headline,
    gone.data.deletePostNodes.nodes.length, wrong]
}

async function schema() {
  const { buildClientSchema, getIntrospectionQuery, printSchema, validateSchema } = require('graphql')
  const query = getIntrospectionQuery({ descriptions: true, specifiedByUrl: true, inputValueDeprecation: true })
  const answer = await fetch(url, {
    method: 'POST', headers: { ...authorization, 'Content-Type': 'application/json' }, body: JSON.stringify({ query }),
  })
  const built = buildClientSchema((await answer.json()).data)
  return { built, problems: validateSchema(built).map((problem) => problem.message), text: printSchema(built) }
}

async function codegen(text) {
  const { codegen: generate } = require('@graphql-codegen/core')
  const { parse } = require('graphql')
  const code = await generate({
    schema: parse(text), documents: [{ document: parse(LIST) }, { document: parse(INSERT) }], filename: 'types.ts',
    config: {}, plugins: [{ typescript: {} }, { operations: {} }],
    pluginMap: {
      typescript: require('@graphql-codegen/typescript'), operations: require('@graphql-codegen/typescript-operations'),
    },
  })
  return ['ListQueryVariables', 'InsertMutation'].map((name) => code.includes(`export type ${name} `))
}

function relay(text) {
  mkdirSync(`${directory}/src`, { recursive: true })
  writeFileSync(`${directory}/schema.graphql`, text)
  writeFileSync(`${directory}/src/List.js`, `const query = graphql\`
    query ListQuery($count: Int!) { viewer { ...List_viewer @arguments(count: $count) } }\`
    const fragment = graphql\`
    fragment List_viewer on Viewer @argumentDefinitions(count: {type: "Int!"}, cursor: {type: "Cursor"}) {
      postNodes(first: $count, after: $cursor) @connection(key: "List_postNodes") {
        edges { node { id headline } } pageInfo { hasNextPage endCursor } } }\``)
  const config = { src: './src', schema: './schema.graphql', language: 'javascript' }
  writeFileSync(`${directory}/relay.config.json`, JSON.stringify(config))
  const done = spawnSync(require('relay-compiler'), ['relay.config.json'], { cwd: directory, encoding: 'utf8' })
  return [done.status, done.status === 0 ? '' : done.stdout + done.stderr]
}

async function audits() {
  const { auditServer } = require('graphql-http')
  const fetchFn = (to, init) => fetch(to, { ...init, headers: { ...init?.headers, ...authorization } })
  const found = await auditServer({ url, fetchFn })
  return found.map(({ id, name, status }) => [id, status, name])
}

// What the page for browsers asks, in the words of its own script.
async function ofPage() {
  const text = readFileSync(page, 'utf8')
  const constants = text.match(/const REFERENCE =[\s\S]*?;\nconst INPUT =[\s\S]*?;\n/)[0]
  const query = text.match(/const query = ([\s\S]*?);\n/)[1]
  const answer = await fetch(url, {
    method: 'POST', headers: { ...authorization, 'Content-Type': 'application/json' },
    body: JSON.stringify({ query: new Function(`${constants} return ${query}`)(), variables: { name: 'Post' } }),
  })
  return (await answer.json()).data.__type.fields.map((field) => field.name)
}

results.urql = await urql()
results.apollo = await apollo()
const { problems, text } = await schema()
results.problems = problems
results.codegen = await codegen(text)
results.relay = relay(text)
results.audits = await audits()
results.page = await ofPage()
console.log(JSON.stringify(results))
process.exit(0)
