// /s/{id}: a QR code's link opened in a browser. Its code does not count here. With `#h=` it is the link of the login
// page for an app on this device, which is offered as a button and never followed by itself.
import { linkView } from '../sdk/src/element/returnview.js';
import { quietly } from '../sdk/src/page.js';
import { idInPath, setScene } from './scene.js';

const main = document.getElementById('link');
const handover = /^#h=([A-Za-z0-9_-]{16})$/;

if (main) {
  const { stage, scene } = setScene(main);
  const issuer = main.dataset['issuer'] ?? location.origin;
  const show = (): void => {
    const h = handover.exec(location.hash)?.[1];
    const id = encodeURIComponent(idInPath(location.pathname));
    stage.show(linkView(scene, issuer.replace(/^https?:\/\//, ''), h === undefined ? '' : `${issuer}/authenticator#/s/${id}?h=${h}`));
  };
  show();
  addEventListener('hashchange', show);
  // The user's own step, told to the app in this tab; a link that leads past this page leads to the app's question.
  main.addEventListener('click', (event) => {
    const onButton = event.composedPath().some((at) => at instanceof Element && at.getAttribute('data-action') === 'open-app');
    if (onButton) quietly(() => sessionStorage.setItem('countersign.open', idInPath(location.pathname)));
  });
}
