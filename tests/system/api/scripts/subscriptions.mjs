// Unmodified clients subscribe: graphql-ws itself, and Apollo through its link. The script is given the URL of the
// WebSocket and a token. It prints a line when both are told of changes, and then what each of them was told, as JSON.
import { createRequire } from 'node:module'

const require = createRequire(process.env.NODE_DIRECTORY + '/')
const [url, token] = process.argv.slice(2)
const options = { url, connectionParams: { Authorization: `Bearer ${token}` }, retryAttempts: 0 }
const DOCUMENT = `subscription Watch($status: String!) {
  ordersNodes(filter: {status: {eq: $status}}) { resync nodes { id rowId status } removedIds } }`
const variables = { status: 'watched' }

// Calls ready() at the first message, and returns what the next one told.
function second(ready) {
  let count = 0
  return (resolve) => (data) => {
    count += 1
    if (count === 1) ready()
    else resolve(data.ordersNodes)
  }
}

function graphqlWs(ready) {
  const { createClient } = require('graphql-ws')
  const client = createClient(options)
  return new Promise((resolve, reject) => {
    const take = second(ready)(resolve)
    client.subscribe({ query: DOCUMENT, variables },
      { next: (result) => take(result.data), error: reject, complete: () => {} })
  }).finally(() => client.dispose())
}

function apollo(ready) {
  const { ApolloClient, InMemoryCache, gql } = require('@apollo/client')
  const { GraphQLWsLink } = require('@apollo/client/link/subscriptions')
  const { createClient } = require('graphql-ws')
  const client = createClient(options)
  const apolloClient = new ApolloClient({ cache: new InMemoryCache(), link: new GraphQLWsLink(client) })
  return new Promise((resolve, reject) => {
    const take = second(ready)(resolve)
    apolloClient.subscribe({ query: gql(DOCUMENT), variables })
      .subscribe({ next: (result) => result.error ? reject(result.error) : take(result.data), error: reject })
  }).finally(() => client.dispose())
}

let missing = 2
const ready = () => {
  missing -= 1
  if (missing === 0) console.log('ready')
}
const [first, other] = await Promise.all([graphqlWs(ready), apollo(ready)])
console.log(JSON.stringify([first, other]))
