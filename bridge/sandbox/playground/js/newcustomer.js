// The dialog that lets another person with WhatsApp join.

import { post } from "./api.js";
import { frame, labelled } from "./dialog.js";
import { h } from "./dom.js";

/** Ask for a person and let them join; the new customer, or null. */
export function askNewCustomer() {
  return new Promise((resolve) => {
    const done = (customer) => {
      made.close();
      resolve(customer);
    };
    const made = frame("New customer", { dismiss: () => done(null), testid: "customer-dialog", class: "small" });
    const field = (testid, props) => h("input", { class: "field", type: "text", autocomplete: "off", testid, ...props });
    const name = field("customer-name", { required: true, maxlength: "200" });
    const phone = field("customer-phone", { inputmode: "tel", placeholder: "Made up when empty" });
    const username = field("customer-username", { placeholder: "for example nora.designs" });
    const hide = h("input", { type: "checkbox", testid: "customer-hide" });
    const receipts = h("input", { type: "checkbox", checked: true, testid: "customer-receipts" });
    const problem = h("p", { class: "problem", role: "alert", hidden: true });
    made.body.append(
      labelled("Profile name", name),
      labelled("Phone", phone, { optional: true, hint: "Country code first." }),
      labelled("Username", username, { optional: true }),
      h("label", { class: "choice" }, hide, h("span", {}, "Hide the phone number", h("span", { class: "option-hint" }, "The business sees the username alone."))),
      h("label", { class: "choice" }, receipts, h("span", {}, "Send read receipts")),
      problem,
    );
    made.foot.append(
      h("button", { type: "button", class: "button", onclick: () => done(null) }, "Cancel"),
      h("button", { type: "submit", class: "button primary", testid: "customer-save" }, "Add customer"),
    );
    const complain = (words, at) => {
      problem.hidden = false;
      problem.textContent = words;
      at.focus();
    };
    made.form.addEventListener("submit", async (event) => {
      event.preventDefault();
      problem.hidden = true;
      if (!name.value.trim()) return complain("A customer needs a name.", name);
      if (hide.checked && !username.value.trim()) return complain("Only people with a username can hide their number.", username);
      const digits = phone.value.replace(/\D/g, "");
      if (phone.value.trim() && !digits) return complain("The phone must have digits.", phone);
      const body = { name: name.value.trim(), hide_phone: hide.checked, read_receipts: receipts.checked };
      if (digits) body.phone = digits;
      if (username.value.trim()) body.username = username.value.trim().replace(/^@/, "");
      try {
        done((await post("whatsapp/customers", body)).customer);
      } catch (error) {
        complain(error.message, digits ? phone : name);
      }
      return undefined;
    });
    made.node.showModal();
    name.focus();
  });
}
