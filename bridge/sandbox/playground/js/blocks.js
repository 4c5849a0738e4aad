// Block Kit as elements.

import { control } from "./elements.js";
import { h, icon } from "./dom.js";
import { labelled } from "./dialog.js";
import { link, mrkdwn, richText, textObject } from "./mrkdwn.js";

function picture(element) {
  // Pictures of other servers are not loaded: the page talks to the sandbox alone.
  return h("span", { class: "picture" }, link(element.image_url || element.slack_file?.url || "", element.alt_text || "picture"));
}

function accessory(element, scene, block) {
  return element.type === "image" ? picture(element) : control(element, scene, block);
}

const KINDS = {
  header: (block) => h("h3", { class: "block header" }, textObject(block.text)),
  divider: () => h("hr", { class: "block" }),
  image: (block) => h("div", { class: "block" }, picture(block)),
  rich_text: (block) => h("div", { class: "block words" }, richText(block)),
  markdown: (block) => h("div", { class: "block words" }, block.text),
  section: (block, scene) =>
    h(
      "div",
      { class: "block section" },
      h(
        "div",
        { class: "section-text" },
        block.text && h("div", { class: "words" }, textObject(block.text)),
        block.fields && h("div", { class: "fields" }, block.fields.map((field) => h("div", { class: "field-cell words" }, textObject(field)))),
      ),
      block.accessory && h("div", { class: "accessory" }, accessory(block.accessory, scene, block)),
    ),
  context: (block) =>
    h(
      "div",
      { class: "block context" },
      block.elements.map((element) => h("span", { class: "words" }, element.type === "image" ? picture(element) : textObject(element))),
    ),
  actions: (block, scene) =>
    h("div", { class: "block actions" }, block.elements.map((element) => control(element, scene, block))),
  input: (block, scene) =>
    h(
      "div",
      { class: "block input" },
      labelled(textObject(block.label), control(block.element, scene, block), {
        hint: block.hint ? textObject(block.hint).join("") : "",
        error: scene.errors?.[block.block_id] || "",
        optional: block.optional,
        key: block.block_id,
      }),
    ),
};

/** The blocks of a message or view in its `scene`. */
export function blocks(list, scene) {
  return list.map((block) => {
    const made = KINDS[block.type]?.(block, scene) ?? h("div", { class: "block unshown" }, `[${block.type} is not shown here]`);
    made.dataset.blockId = block.block_id || "";
    made.dataset.blockType = block.type;
    return made;
  });
}

/** Link previews and legacy attachments. */
export function attachments(list, scene) {
  return list.map((item) =>
    h(
      "div",
      { class: "attachment" },
      item.pretext && h("div", { class: "words" }, mrkdwn(item.pretext)),
      item.title && h("div", { class: "attachment-title" }, item.title_link ? link(item.title_link, item.title) : item.title),
      item.text && h("div", { class: "words" }, mrkdwn(item.text)),
      item.blocks && blocks(item.blocks, scene),
    ),
  );
}

export function onlyYou() {
  return h("div", { class: "only-you" }, icon("lock"), "Only visible to you");
}
