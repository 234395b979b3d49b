// Tells monaco where its workers are. Their names carry a hash of their content, so the page,
// which the build writes last, names them on its script element.
const { dataset } = document.querySelector('script[data-worker-editor]');

const scripts = {
  json: dataset.workerJson,
  graphql: dataset.workerGraphql,
};

globalThis.MonacoEnvironment = {
  getWorker(_id, label) {
    const url = new URL(scripts[label] ?? dataset.workerEditor, document.baseURI);
    return new Worker(url, { type: 'module', name: label });
  },
};
